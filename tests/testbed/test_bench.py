# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What ``make bench`` makes of what it has measured."""

import unittest

from testbed import bench_report, worker
from testbed.bench_report import Line, alone, judge, percentile, stages, table

WELL = {
    "objects": 12,
    "bare_8": 800.0,
    "bare_32": 1000.0,
    "deploy_objects": 510.0,
    "app_chandlery": 0.02,
    "app_ansible": 0.45,
    "app_helm": 0.2,
    "plain_p50": 0.1,
    "object_p50": 0.2,
    "object_p99": 0.9,
    "memory_idle": 15.0,
    "memory_most": 60.0,
    "program": 16.0,
    "idle_few": 0.2,
    "idle_most": 0.3,
    "list_apps": 0.4,
    "list_attention": 0.2,
    "list_portal": 0.1,
}


def failing(**changed):
    verdicts = judge({**WELL, **changed})
    return [verdict.line.says for verdict in verdicts if not verdict.holds]


class WorkerTest(unittest.TestCase):
    def test_it_is_begun_with_what_the_unit_sets(self):
        self.assertEqual(worker.unit_variables(), {"MALLOC_ARENA_MAX": "1"})


class JudgeTest(unittest.TestCase):
    def test_all_lines_hold_and_each_is_measured(self):
        verdicts = judge(WELL)
        self.assertEqual([str(one) for one in verdicts if not one.holds], [])
        self.assertTrue(all(one.value is not None for one in verdicts))

    def test_each_line_fails_by_its_own_figure(self):
        for name, value, words in (
            ("deploy_objects", 499.0, "bare rate"),
            ("bare_32", 1030.0, "bare rate"),
            ("app_ansible", 0.39, "Ansible"),
            ("app_helm", 0.19, "helm"),
            ("object_p50", 0.41, "p50"),
            ("object_p99", 1.1, "p99"),
            ("memory_idle", 20.5, "at rest"),
            ("memory_most", 65.0, "at its most"),
            ("program", 20.5, "program"),
            ("idle_most", 0.8, "idle"),
            ("list_apps", 1.1, "apps list"),
            ("list_attention", 1.1, "attention"),
            ("list_portal", 1.1, "portal"),
        ):
            (says,) = failing(**{name: value})
            self.assertIn(words, says)

    def test_what_was_not_measured_is_said_and_fails_nothing(self):
        verdicts = judge({"program": 16.0})
        self.assertTrue(all(verdict.holds for verdict in verdicts))
        said = [str(verdict) for verdict in verdicts]
        self.assertEqual(sum(one.startswith("not measured") for one in said), 11)

    def test_what_the_api_server_alone_does_not_allow_is_said_and_fails_nothing(self):
        figures = {**WELL, "app_chandlery": 0.05, "bare_8": 400.0, "bare_32": 300.0}
        (helm,) = [one for one in judge(figures) if "helm" in one.line.says]
        self.assertTrue(helm.holds)
        self.assertEqual(
            str(helm),
            "out of reach  times as fast as helm, per app: 4"
            " (at least 10; the API server alone allows 6.67)",
        )

    def test_a_verdict_says_value_and_limit(self):
        line = Line("program, MB", *alone("program"), at_most=20)
        (verdict,) = judge({"program": 23.456}, [line])
        self.assertEqual(str(verdict), "FAILS         program, MB: 23.5 (at most 20)")


class TableTest(unittest.TestCase):
    def test_figures_stand_in_their_order_with_their_units(self):
        lines = table({"deploy": 12.34, "bare_8": 845.2, "apps": 1000})
        self.assertEqual(
            [line.split()[0] for line in lines], ["apps", "bare", "pending"]
        )
        self.assertEqual(lines[0].split()[-1], "1,000")
        self.assertTrue(lines[1].endswith("845 objects/s"), lines)
        self.assertTrue(lines[2].endswith("12.3 apps/s"), lines)

    def test_every_figure_that_a_line_needs_is_one_of_the_table(self):
        names = {figure.name for figure in bench_report.FIGURES}
        for line in bench_report.LINES:
            self.assertLessEqual(set(line.needs), names, line.says)
        self.assertEqual(len(names), len(bench_report.FIGURES))

    def test_nothing_measured_is_no_table(self):
        self.assertEqual(table({}), [])


class PercentileTest(unittest.TestCase):
    def test_it_is_one_of_the_values(self):
        values = [0.4, 0.1, 0.3, 0.2]
        self.assertEqual(percentile(values, 50), 0.2)
        self.assertEqual(percentile(values, 99), 0.4)
        self.assertEqual(percentile([0.7], 50), 0.7)
        self.assertEqual(percentile(range(1, 101), 99), 99)

    def test_of_nothing_there_is_none(self):
        with self.assertRaises(ValueError):
            percentile([], 50)


class StagesTest(unittest.TestCase):
    def test_idle_minutes_are_measured_at_a_hundredth_a_tenth_and_all(self):
        self.assertEqual(stages(1000), [10, 100, 1000])
        self.assertEqual(stages(50), [1, 5, 50])
        self.assertEqual(stages(1), [1])
