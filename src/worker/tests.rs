//! The frame against a double of Odoo and jobs made up for each test, on paused time: a minute passes at once when
//! nothing is left to do.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::*;
use crate::code::Code;
use crate::job::outcome;
use crate::odoo::contract::{
    Answer, AppSeen, CompleteLook, Ingress, IngressState, JobAnswer, JobKind, JobResult,
    NamespaceSeen, Observation, Observe, ObservedState, OutcomeState, StepCode, StepState, Uid,
};
use crate::slot;

/// How many jobs may compute at once in these tests.
const CAPACITY: u32 = 2;

/// What Odoo is asked.
#[derive(Clone, Debug)]
enum Call {
    Claim(ClaimRequest),
    Report(ReportRequest),
    Observe(ObserveRequest),
}

/// Odoo as far as the three calls show it.
#[derive(Clone)]
struct Double(Arc<DoubleState>);

struct DoubleState {
    /// What the next claims hand out.
    jobs: Mutex<VecDeque<Value>>,
    /// How reports of these jobs are answered; others by `go_on`.
    answers: Mutex<HashMap<i64, Answer>>,
    /// Reports that hold this job are refused.
    refused: Mutex<Option<i64>>,
    down: AtomicBool,
    /// Which clusters this worker is to observe.
    observe: Mutex<Option<Observe>>,
    /// Reports are answered as if this job were not in them.
    silent_about: AtomicUsize,
    /// How long each report takes, in milliseconds.
    report_takes: AtomicUsize,
    calls: mpsc::UnboundedSender<(Instant, Call)>,
}

impl Double {
    fn heard(&self, call: Call) -> Result<(), CallError> {
        let _ = self.0.calls.send((Instant::now(), call));
        if self.0.down.load(Ordering::SeqCst) {
            return Err(CallError::Unreachable {
                url: self.address(),
                reason: "Connection refused".to_owned(),
            });
        }
        Ok(())
    }

    fn down(&self, down: bool) {
        self.0.down.store(down, Ordering::SeqCst);
    }

    /// Which clusters the claims from now on say are this worker's to observe.
    fn observes(&self, clusters: &[&str]) {
        *self.0.observe.lock().unwrap() = Some(Observe {
            clusters: clusters.iter().map(|name| (*name).to_owned()).collect(),
            seconds: 90.0,
        });
    }

    fn answer(&self, id: i64, answer: Answer) {
        self.0.answers.lock().unwrap().insert(id, answer);
    }

    fn queue(&self, job: Value) {
        self.0.jobs.lock().unwrap().push_back(job);
    }
}

impl Odoo for Double {
    async fn claim(&self, request: &ClaimRequest) -> Result<ClaimResponse, CallError> {
        self.heard(Call::Claim(request.clone()))?;
        let mut jobs = self.0.jobs.lock().unwrap();
        let count = jobs.len().min(request.capacity as usize);
        Ok(ClaimResponse {
            database: "5f0c1a52".to_owned(),
            lease_seconds: 60.0,
            poll_seconds: 5.0,
            idle_seconds: Some(60.0),
            wake: None,
            unknown_clusters: Vec::new(),
            observe: self.0.observe.lock().unwrap().clone(),
            jobs: jobs.drain(..count).collect(),
        })
    }

    async fn report(&self, request: &ReportRequest) -> Result<ReportResponse, CallError> {
        self.heard(Call::Report(request.clone()))?;
        let takes = self.0.report_takes.load(Ordering::SeqCst) as u64;
        sleep(Duration::from_millis(takes)).await;
        let refused = *self.0.refused.lock().unwrap();
        if request.jobs.iter().any(|job| Some(job.id) == refused) {
            return Err(CallError::Refused {
                code: "bad_params".to_owned(),
                message: "no".to_owned(),
                hint: None,
            });
        }
        let answers = self.0.answers.lock().unwrap();
        let silent_about = self.0.silent_about.load(Ordering::SeqCst) as i64;
        let told = request.jobs.iter().filter(|job| job.id != silent_about);
        let jobs = told.map(|job| JobAnswer {
            id: job.id,
            answer: answers.get(&job.id).copied().unwrap_or(Answer::GoOn),
        });
        Ok(ReportResponse {
            jobs: jobs.collect(),
            lease_seconds: 60.0,
        })
    }

    async fn observe(&self, request: &ObserveRequest) -> Result<ObserveResponse, CallError> {
        self.heard(Call::Observe(request.clone()))?;
        Ok(ObserveResponse {
            unknown: Vec::new(),
        })
    }

    fn address(&self) -> String {
        "http://odoo".to_owned()
    }
}

type Handle = dyn Fn(Job, Arc<StepLog>) -> BoxFuture<'static, Outcome> + Send + Sync;

/// JobHandler for one test, and a cluster that shows what the test says.
struct FakeHandler {
    handle: Box<Handle>,
    seen: Arc<Mutex<Vec<AppSeen>>>,
    looked_at: Arc<Mutex<BTreeSet<Uid>>>,
    changes: Mutex<Option<BoxStream<'static, Result<WatchEvent, Problem>>>>,
}

impl JobHandler for FakeHandler {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            kinds: vec![JobKind::Deploy],
            mailgun: None,
        }
    }

    fn clusters(&self) -> Vec<ClusterState> {
        vec![ClusterState {
            name: "demo".to_owned(),
            reachable: true,
            version: Some("v1.35.4".to_owned()),
            message: "".into(),
            capacity: None,
        }]
    }

    fn check<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ClusterState> {
        Box::pin(async { self.clusters().remove(0) })
    }

    fn look<'a>(
        &'a self,
        _: &'a str,
        database: &'a str,
        of: Namespaces<'a>,
        busy: &'a BTreeSet<Uid>,
    ) -> BoxFuture<'a, Result<Look, Problem>> {
        assert_eq!(database, "5f0c1a52");
        let mut seen = self.seen.lock().unwrap().clone();
        let namespaces = seen.iter().map(namespace_seen).collect();
        seen.retain(|app| of.include(&app.namespace));
        let complete = of.complete().then(|| CompleteLook {
            looked_at: jiff::Timestamp::now(),
            namespaces,
        });
        let (left_out, seen): (Vec<_>, Vec<_>) =
            seen.into_iter().partition(|app| busy.contains(&app.uid));
        let uids = seen.iter().map(|app| app.uid.clone());
        self.looked_at.lock().unwrap().extend(uids);
        Box::pin(async {
            Ok(Look {
                apps: seen,
                complete,
                busy: left_out.into_iter().map(|app| app.namespace).collect(),
            })
        })
    }

    fn changes(&self, _: &str, _: &str) -> BoxStream<'static, Result<WatchEvent, Problem>> {
        let heard = self.changes.lock().unwrap().take();
        match heard {
            Some(heard) => heard,
            None => stream::pending().boxed(),
        }
    }

    fn run(&self, job: Job, _: String, step_log: Arc<StepLog>) -> BoxFuture<'static, Outcome> {
        (self.handle)(job, step_log)
    }
}

/// A worker at work, and what it asks of Odoo.
struct Bench {
    odoo: Double,
    calls: mpsc::UnboundedReceiver<(Instant, Call)>,
    closing: CancellationToken,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    wake_up: Arc<Notify>,
    listening: Arc<AtomicBool>,
    worker: Arc<Worker<Double, FakeHandler>>,
    seen: Arc<Mutex<Vec<AppSeen>>>,
    looked_at: Arc<Mutex<BTreeSet<Uid>>>,
    /// What the cluster says has changed.
    changes: mpsc::UnboundedSender<Result<WatchEvent, Problem>>,
    run: tokio::task::JoinHandle<()>,
    outcomes: Vec<(i64, Outcome)>,
}

impl Bench {
    fn start(
        jobs: impl IntoIterator<Item = Value>,
        handle: impl Fn(Job, Arc<StepLog>) -> BoxFuture<'static, Outcome> + Send + Sync + 'static,
    ) -> Self {
        let (sender, calls) = mpsc::unbounded_channel();
        let odoo = Double(Arc::new(DoubleState {
            jobs: Mutex::new(jobs.into_iter().collect()),
            answers: Mutex::default(),
            refused: Mutex::default(),
            down: AtomicBool::new(false),
            observe: Mutex::default(),
            silent_about: AtomicUsize::new(0),
            report_takes: AtomicUsize::new(0),
            calls: sender,
        }));
        let seen = Arc::<Mutex<Vec<AppSeen>>>::default();
        let looked_at = Arc::<Mutex<BTreeSet<Uid>>>::default();
        let (changes, mut heard) = mpsc::unbounded_channel();
        let heard = stream::poll_fn(move |context| heard.poll_recv(context));
        let handler = FakeHandler {
            handle: Box::new(handle),
            seen: seen.clone(),
            looked_at: looked_at.clone(),
            changes: Mutex::new(Some(heard.boxed())),
        };
        let settings = crate::settings::Worker {
            name: "worker-1".to_owned(),
            capacity: CAPACITY,
            observe_seconds: 30,
        };
        let (health, metrics) = (Arc::<Health>::default(), Arc::<Metrics>::default());
        let worker = Worker::new(
            odoo.clone(),
            handler,
            &settings,
            health.clone(),
            metrics.clone(),
        );
        let closing = CancellationToken::new();
        let worker = Arc::new(worker);
        Self {
            odoo,
            calls,
            metrics,
            health,
            wake_up: worker.wake_up(),
            listening: worker.listening(),
            seen,
            looked_at,
            changes,
            run: tokio::spawn(worker.clone().run(closing.clone())),
            worker,
            closing,
            outcomes: Vec::new(),
        }
    }

    async fn recv(&mut self) -> (Instant, Call) {
        let call = tokio::time::timeout(Duration::from_secs(3600), self.calls.recv()).await;
        call.expect("nothing is asked of Odoo any more").unwrap()
    }

    async fn next_report(&mut self) -> (Instant, ReportRequest) {
        loop {
            if let (at, Call::Report(report)) = self.recv().await {
                return (at, report);
            }
        }
    }

    async fn next_claim(&mut self) -> (Instant, ClaimRequest) {
        loop {
            if let (at, Call::Claim(claim)) = self.recv().await {
                return (at, claim);
            }
        }
    }

    /// The next call that tells something new of apps.
    async fn next_observe(&mut self) -> (Instant, ObserveRequest) {
        loop {
            if let (at, Call::Observe(observe)) = self.recv().await
                && !observe.apps.is_empty()
            {
                return (at, observe);
            }
        }
    }

    /// The next end of a job that is reported.
    async fn next_outcome(&mut self) -> (i64, Outcome) {
        while self.outcomes.is_empty() {
            let (_, report) = self.next_report().await;
            let ended = report.jobs.into_iter();
            self.outcomes
                .extend(ended.filter_map(|job| Some((job.id, job.outcome?))));
        }
        self.outcomes.remove(0)
    }

    /// Everything asked from now until `seconds` have passed.
    async fn during(&mut self, seconds: u64) -> Vec<(Instant, Call)> {
        let mut calls = Vec::new();
        let end = Instant::now() + Duration::from_secs(seconds);
        while let Ok(Some(call)) = tokio::time::timeout_at(end, self.calls.recv()).await {
            calls.push(call);
        }
        calls
    }

    fn counted(&self, line: &str) -> bool {
        self.metrics.text().lines().any(|found| found == line)
    }
}

fn job(id: i64) -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/contract/claim_response.json"
    );
    let claim: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut job = claim["jobs"][0].clone();
    job["id"] = json!(id);
    job["uid"] = json!(uid(id));
    job["app"]["id"] = json!(id);
    job["app"]["uid"] = json!(uid(id));
    job["token"] = json!(format!("token-{id}"));
    job
}

/// A job of one step.
fn one_step<F>(
    work: impl Fn(i64) -> F + Send + Sync + 'static,
) -> impl Fn(Job, Arc<StepLog>) -> BoxFuture<'static, Outcome>
where
    F: Future<Output = Result<(), Problem>> + Send + 'static,
{
    move |job, step_log| {
        let work = work(job.id);
        Box::pin(async move {
            let ended = step_log
                .step(StepCode::Applying, async |_| work.await)
                .await;
            outcome(ended, JobResult::default(), &step_log)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_claimed_job_is_done_its_steps_told_as_they_happen_and_its_outcome_once() {
    let mut bench = Bench::start([job(42)], |_, step_log| {
        Box::pin(async move {
            let ended = step_log
                .step(StepCode::Fetching, async |step| {
                    step.say("2 manifests");
                    sleep(Duration::from_secs(3)).await;
                    Ok(())
                })
                .await;
            outcome(ended, JobResult::default(), &step_log)
        })
    });
    let (_, claim) = bench.next_claim().await;
    assert_eq!(
        (claim.capacity, claim.worker.name.as_str()),
        (2, "worker-1")
    );
    assert_eq!(claim.clusters[0].name, "demo");
    let (_, first) = bench.next_report().await;
    let step = &first.jobs[0].steps[0];
    assert_eq!(
        (step.state, step.message.as_str()),
        (StepState::Running, "2 manifests")
    );
    assert!(first.jobs[0].outcome.is_none());
    let (_, last) = bench.next_report().await;
    assert_eq!(last.jobs[0].steps[0].state, StepState::Done);
    assert_eq!(
        last.jobs[0].outcome.as_ref().unwrap().state,
        OutcomeState::Done
    );
    let later = bench.during(120).await;
    assert!(
        !later
            .iter()
            .any(|(_, call)| matches!(call, Call::Report(_))),
        "told once"
    );
    assert!(bench.counted("chandlery_jobs_total{kind=\"deploy\",outcome=\"done\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_to_mailgun_is_counted_with_its_reason() {
    let mut bench = Bench::start(
        [job(42)],
        one_step(|_| async {
            Err(Problem::new(
                Code::MailgunKey,
                "Mailgun does not accept the API key.",
            ))
        }),
    );
    bench.next_outcome().await;
    bench.during(1).await;
    assert!(bench.counted("chandlery_api_errors_total{api=\"mailgun\",error=\"mailgun_key\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn many_jobs_run_at_once_but_no_more_than_the_capacity() {
    static AT_WORK: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let mut bench = Bench::start(
        (1..=7).map(job),
        one_step(|_| async {
            let now = AT_WORK.fetch_add(1, Ordering::SeqCst) + 1;
            MOST.fetch_max(now, Ordering::SeqCst);
            sleep(Duration::from_secs(10)).await;
            AT_WORK.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        }),
    );
    let mut ended = Vec::new();
    while ended.len() < 7 {
        ended.push(bench.next_outcome().await.0);
    }
    ended.sort_unstable();
    ended.dedup();
    assert_eq!(ended.len(), 7);
    assert_eq!(MOST.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_free_place_is_filled_at_once_and_a_full_worker_still_shows_itself() {
    let mut bench = Bench::start(
        (1..=3).map(job),
        one_step(|_| async {
            sleep(Duration::from_secs(100)).await;
            Ok(())
        }),
    );
    let (start, _) = bench.next_claim().await;
    let (shown, claim) = bench.next_claim().await;
    assert_eq!(
        (shown - start, claim.capacity),
        (Duration::from_secs(30), 0)
    );
    let (ended, _) = loop {
        let (at, report) = bench.next_report().await;
        if report.jobs.iter().any(|job| job.outcome.is_some()) {
            break (at, report);
        }
    };
    let (claimed, claim) = bench.next_claim().await;
    assert!(claim.capacity > 0);
    assert!(claimed - ended < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn the_bell_makes_it_claim_at_once() {
    let mut bench = Bench::start([], one_step(|_| async { Ok(()) }));
    let (first, _) = bench.next_claim().await;
    let (polled, _) = bench.next_claim().await;
    assert_eq!(
        polled - first,
        Duration::from_secs(5),
        "without a wake_up it polls"
    );
    sleep(Duration::from_secs(1)).await;
    bench.wake_up.notify_one();
    let (woken, _) = bench.next_claim().await;
    assert_eq!(woken - polled, Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn while_it_hears_of_new_work_an_idle_worker_makes_at_most_four_calls_a_minute() {
    let mut bench = Bench::start([], one_step(|_| async { Ok(()) }));
    bench.next_claim().await;
    bench.listening.store(true, Ordering::SeqCst);
    bench.wake_up.notify_one();
    bench.next_claim().await;
    let calls = bench.during(605).await;
    let claims = calls
        .iter()
        .filter(|(_, call)| matches!(call, Call::Claim(_)));
    assert_eq!(claims.count(), 10);
    assert!(calls.len() <= 40, "{}", calls.len());
    // The connection is lost.
    bench.listening.store(false, Ordering::SeqCst);
    bench.wake_up.notify_one();
    let (asked, _) = bench.next_claim().await;
    let (polled, _) = bench.next_claim().await;
    assert_eq!(polled - asked, Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn steps_that_say_much_are_told_about_once_a_second() {
    let mut bench = Bench::start([job(1)], |_, step_log| {
        Box::pin(async move {
            let ended = step_log
                .step(StepCode::Applying, async |step| {
                    for object in 0..1000 {
                        step.say(format!("{object} of 1000 objects"));
                        sleep(Duration::from_millis(10)).await;
                    }
                    Ok(())
                })
                .await;
            outcome(ended, JobResult::default(), &step_log)
        })
    });
    let calls = bench.during(60).await;
    let reports: Vec<Instant> = calls
        .iter()
        .filter(|(_, call)| matches!(call, Call::Report(_)))
        .map(|(at, _)| *at)
        .collect();
    assert!((10..=13).contains(&reports.len()), "{}", reports.len());
    for pair in reports.windows(2) {
        assert!(pair[1] - pair[0] >= Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_is_told_at_once_and_what_ends_during_a_report_with_the_next_one() {
    let ends_after = |id: i64| Duration::from_millis([0, 100, 250, 300][id as usize]);
    let mut bench = Bench::start(
        [job(1), job(2)],
        one_step(move |id| async move {
            sleep(ends_after(id)).await;
            Ok(())
        }),
    );
    bench.odoo.0.report_takes.store(200, Ordering::SeqCst);
    bench.odoo.queue(job(3));
    let (begun, first) = bench.next_report().await;
    assert!(first.jobs.iter().all(|job| job.outcome.is_none()));
    // The first one ends while that is under way, the others while the next is.
    let (next, second) = bench.next_report().await;
    let ended = |report: &ReportRequest| -> Vec<i64> {
        let ended = report.jobs.iter().filter(|job| job.outcome.is_some());
        ended.map(|job| job.id).collect()
    };
    assert_eq!((next - begun).as_millis(), 200);
    assert_eq!(ended(&second), [1]);
    let (last, third) = bench.next_report().await;
    assert_eq!((last - next).as_millis(), 200);
    assert_eq!(ended(&third), [2]);
}

#[tokio::test(start_paused = true)]
async fn what_a_screen_waits_for_is_told_as_it_happens() {
    let mut awaited = job(1);
    awaited["kind"] = json!("diff");
    let mut bench = Bench::start([awaited], |_, step_log| {
        Box::pin(async move {
            for code in [StepCode::Fetching, StepCode::Rendering, StepCode::Comparing] {
                let ended = step_log
                    .step(code, async |_| {
                        sleep(Duration::from_millis(100)).await;
                        Ok(())
                    })
                    .await;
                ended.unwrap();
            }
            outcome(Ok(()), JobResult::default(), &step_log)
        })
    });
    let (begun, _) = bench.next_report().await;
    for step in 1..=3 {
        let (at, report) = bench.next_report().await;
        assert_eq!((at - begun).as_millis(), step * 100);
        assert_eq!(report.jobs[0].outcome.is_some(), step == 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_odoo_says_nothing_of_is_not_told_again_and_again() {
    let mut bench = Bench::start([job(1)], one_step(|_| async { Ok(()) }));
    bench.odoo.0.silent_about.store(1, Ordering::SeqCst);
    let calls = bench.during(20).await;
    let reports = calls
        .iter()
        .filter(|(_, call)| matches!(call, Call::Report(_)));
    assert!((3..15).contains(&reports.count()));
}

#[tokio::test(start_paused = true)]
async fn a_silent_job_keeps_its_lease() {
    let mut bench = Bench::start(
        [job(1)],
        one_step(|_| async {
            sleep(Duration::from_secs(600)).await;
            Ok(())
        }),
    );
    let (mut last, _) = bench.next_report().await;
    let mut renewals = 0;
    loop {
        let (at, report) = bench.next_report().await;
        if let Some(outcome) = &report.jobs[0].outcome {
            assert_eq!(outcome.state, OutcomeState::Done);
            break;
        }
        assert!(
            at - last <= Duration::from_secs(5),
            "a wish to stop is heard soon"
        );
        assert!(report.jobs[0].steps.is_empty());
        last = at;
        renewals += 1;
    }
    assert!((115..=121).contains(&renewals), "{renewals}");
    assert!(bench.counted("chandlery_leases_lost_total 0"));
}

#[tokio::test(start_paused = true)]
async fn a_job_ends_before_its_lease_does_when_odoo_cannot_be_told() {
    static STOPPED: Mutex<Option<Instant>> = Mutex::new(None);
    struct Watch;
    impl Drop for Watch {
        fn drop(&mut self) {
            *STOPPED.lock().unwrap() = Some(Instant::now());
        }
    }
    let mut bench = Bench::start(
        [job(1)],
        one_step(|_| async {
            let _watch = Watch;
            std::future::pending::<()>().await;
            Ok(())
        }),
    );
    let (renewed, _) = bench.next_report().await;
    bench.odoo.down(true);
    while STOPPED.lock().unwrap().is_none() {
        sleep(Duration::from_secs(1)).await;
    }
    let lived = STOPPED.lock().unwrap().unwrap() - renewed;
    assert!(
        lived <= Duration::from_secs(51) && lived >= Duration::from_secs(49),
        "{lived:?}"
    );
    assert!(bench.counted("chandlery_leases_lost_total 1"));
    bench.odoo.down(false);
    bench.during(1).await;
    let later = bench.during(300).await;
    assert!(
        !later
            .iter()
            .any(|(_, call)| matches!(call, Call::Report(_))),
        "dropped without a word"
    );
}

#[tokio::test(start_paused = true)]
async fn the_final_report_is_repeated_until_odoo_is_back() {
    let mut bench = Bench::start(
        [job(1)],
        one_step(|_| async {
            sleep(Duration::from_secs(5)).await;
            Ok(())
        }),
    );
    bench.next_report().await;
    bench.odoo.down(true);
    for _ in 0..4 {
        assert_eq!(bench.next_outcome().await.1.state, OutcomeState::Done);
    }
    bench.odoo.down(false);
    assert_eq!(bench.next_outcome().await.0, 1);
    let later = bench.during(300).await;
    assert!(
        !later
            .iter()
            .any(|(_, call)| matches!(call, Call::Report(_))),
        "accepted once"
    );
    assert!(bench.counted("chandlery_jobs_total{kind=\"deploy\",outcome=\"done\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn the_final_report_is_given_up_when_the_lease_has_ended() {
    let mut bench = Bench::start(
        [job(1)],
        one_step(|_| async {
            sleep(Duration::from_secs(1)).await;
            Ok(())
        }),
    );
    bench.next_report().await;
    bench.odoo.down(true);
    bench.during(70).await;
    let later = bench.during(300).await;
    assert!(
        !later
            .iter()
            .any(|(_, call)| matches!(call, Call::Report(_)))
    );
    assert!(bench.counted("chandlery_leases_lost_total 1"));
}

#[tokio::test(start_paused = true)]
async fn stop_cancels_the_job_where_it_waits_and_says_so() {
    let mut bench = Bench::start([job(1)], one_step(|_| std::future::pending()));
    bench.next_report().await;
    bench.odoo.answer(1, Answer::Stop);
    let (_, outcome) = bench.next_outcome().await;
    assert_eq!(outcome.state, OutcomeState::Cancelled);
    assert_eq!(outcome.error.unwrap().code.as_str(), "cancelled");
    let later = bench.during(120).await;
    assert!(
        !later
            .iter()
            .any(|(_, call)| matches!(call, Call::Report(_)))
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_said_to_be_cancelled_is_asked_about_at_once_and_no_other() {
    let mut bench = Bench::start([job(1), job(2)], one_step(|_| std::future::pending()));
    bench.during(2).await;
    let asked = Instant::now();
    bench.odoo.answer(1, Answer::Stop);
    bench.worker.cancelled(&[1, 99]);
    let (at, report) = bench.next_report().await;
    let told: Vec<i64> = report.jobs.iter().map(|job| job.id).collect();
    assert_eq!(told, [1]);
    assert!(at - asked < Duration::from_millis(100), "{:?}", at - asked);
    let (id, outcome) = bench.next_outcome().await;
    assert_eq!((id, outcome.state), (1, OutcomeState::Cancelled));
    assert!(asked.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn stale_drops_the_job_without_a_word() {
    static ENDED: AtomicUsize = AtomicUsize::new(0);
    let mut bench = Bench::start([job(1)], |_, step_log| {
        Box::pin(async move {
            let ended = step_log
                .step(StepCode::Waiting, async |_| std::future::pending().await)
                .await;
            ENDED.fetch_add(1, Ordering::SeqCst);
            outcome(ended, JobResult::default(), &step_log)
        })
    });
    bench.odoo.answer(1, Answer::Stale);
    bench.next_report().await;
    let later = bench.during(120).await;
    assert!(
        !later
            .iter()
            .any(|(_, call)| matches!(call, Call::Report(_)))
    );
    assert_eq!(ENDED.load(Ordering::SeqCst), 1, "the handle has ended");
}

#[tokio::test(start_paused = true)]
async fn the_same_attempt_handed_out_twice_runs_once() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let mut bench = Bench::start(
        [job(1), job(1)],
        one_step(|_| async {
            RUNS.fetch_add(1, Ordering::SeqCst);
            sleep(Duration::from_secs(1)).await;
            Ok(())
        }),
    );
    bench.next_outcome().await;
    bench.during(60).await;
    assert_eq!(RUNS.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_attempt_waits_until_the_lost_one_has_let_go() {
    static AT_WORK: AtomicUsize = AtomicUsize::new(0);
    let again = {
        let mut again = job(1);
        again["token"] = json!("second");
        again["attempt"] = json!(2);
        again
    };
    let mut bench = Bench::start([job(1)], |job, step_log| {
        Box::pin(async move {
            assert_eq!(
                AT_WORK.fetch_add(1, Ordering::SeqCst),
                0,
                "alone with the app"
            );
            let first = job.attempt == 1;
            let ended = step_log
                .step(StepCode::Applying, async |_| match first {
                    true => std::future::pending().await,
                    false => Ok(()),
                })
                .await;
            // Letting go takes its time.
            sleep(Duration::from_secs(2)).await;
            AT_WORK.fetch_sub(1, Ordering::SeqCst);
            outcome(ended, JobResult::default(), &step_log)
        })
    });
    bench.next_report().await;
    bench.odoo.queue(again);
    loop {
        let (_, report) = bench.next_report().await;
        if let Some(outcome) = &report.jobs[0].outcome {
            assert_eq!(report.jobs[0].token.0, "second");
            assert_eq!(outcome.state, OutcomeState::Done);
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_cannot_be_read_fails_and_the_others_run() {
    let mut strange = job(1);
    strange["kind"] = json!("dance");
    let mut bench = Bench::start([strange, job(2)], one_step(|_| async { Ok(()) }));
    let mut ended = HashMap::new();
    while ended.len() < 2 {
        let (id, outcome) = bench.next_outcome().await;
        ended.insert(id, outcome);
        bench.odoo.down(false);
    }
    assert_eq!(ended[&1].state, OutcomeState::Failed);
    assert!(ended[&1].error.as_ref().unwrap().message.contains("dance"));
    assert_eq!(ended[&2].state, OutcomeState::Done);
}

#[tokio::test(start_paused = true)]
async fn a_defect_fails_the_job_and_nothing_else() {
    let mut bench = Bench::start(
        [job(1), job(2)],
        one_step(|id| async move {
            assert_ne!(id, 1, "a defect");
            sleep(Duration::from_secs(3)).await;
            Ok(())
        }),
    );
    let (id, outcome) = bench.next_outcome().await;
    assert_eq!((id, outcome.state), (1, OutcomeState::Failed));
    assert_eq!(outcome.error.unwrap().code.as_str(), "internal");
    let (id, outcome) = bench.next_outcome().await;
    assert_eq!((id, outcome.state), (2, OutcomeState::Done));
}

#[tokio::test(start_paused = true)]
async fn a_report_that_odoo_refuses_does_not_hold_up_the_other_jobs() {
    let mut bench = Bench::start(
        [job(1), job(2)],
        one_step(|_| async {
            sleep(Duration::from_secs(5)).await;
            Ok(())
        }),
    );
    *bench.odoo.0.refused.lock().unwrap() = Some(1);
    let alone = loop {
        let (_, report) = bench.next_report().await;
        if let [job] = report.jobs.as_slice()
            && job.id == 2
            && job.outcome.is_some()
        {
            break job.clone();
        }
    };
    assert_eq!(alone.outcome.unwrap().state, OutcomeState::Done);
}

#[tokio::test(start_paused = true)]
async fn reports_with_large_manifests_are_divided_so_that_odoo_takes_them() {
    let mut bench = Bench::start([job(1), job(2)], |_, step_log| {
        Box::pin(async move {
            sleep(Duration::from_secs(3)).await;
            let mut result = JobResult::default();
            result.manifests.push(crate::odoo::contract::ManifestSeen {
                id: 3,
                digest: "sha256:0".to_owned(),
                content: "#".repeat(5 * 1024 * 1024),
                files: Vec::new(),
                variables: Vec::new(),
            });
            outcome(Ok(()), result, &step_log)
        })
    });
    for id in [1, 2] {
        let (_, report) = bench.next_report().await;
        assert_eq!(report.jobs.len(), 1);
        assert_eq!(report.jobs[0].id, id);
        assert!(report.jobs[0].outcome.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_end_jobs_finish_or_are_handed_back_within_30_seconds_and_none_is_claimed() {
    let mut bench = Bench::start(
        [job(1), job(2)],
        one_step(|id| async move {
            sleep(Duration::from_secs(if id == 1 { 5 } else { 1000 })).await;
            Ok(())
        }),
    );
    bench.next_report().await;
    bench.odoo.queue(job(3));
    bench.closing.cancel();
    let closed = Instant::now();
    let (id, outcome) = bench.next_outcome().await;
    assert_eq!((id, outcome.state), (1, OutcomeState::Done));
    let (id, outcome) = bench.next_outcome().await;
    assert_eq!((id, outcome.state), (2, OutcomeState::Released));
    (&mut bench.run).await.unwrap();
    assert!(
        closed.elapsed() < Duration::from_secs(30),
        "{:?}",
        closed.elapsed()
    );
    assert!(!bench.health.report().0, "not ready any more");
    let rest = bench.during(1).await;
    assert!(!rest.iter().any(|(_, call)| matches!(call, Call::Claim(_))));
}

#[tokio::test(start_paused = true)]
async fn the_end_comes_within_30_seconds_even_when_odoo_is_away() {
    let mut bench = Bench::start([job(1)], one_step(|_| std::future::pending()));
    bench.next_report().await;
    bench.odoo.down(true);
    bench.closing.cancel();
    let closed = Instant::now();
    (&mut bench.run).await.unwrap();
    assert!(
        closed.elapsed() < Duration::from_secs(30),
        "{:?}",
        closed.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn while_odoo_is_away_it_asks_ever_more_slowly_and_logs_once() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(
        tracing_subscriber::fmt()
            .with_writer({
                let log = log.clone();
                move || log.clone()
            })
            .finish(),
    );
    let mut bench = Bench::start([], one_step(|_| async { Ok(()) }));
    bench.next_claim().await;
    bench.odoo.down(true);
    let calls = bench.during(600).await;
    let claims = calls
        .iter()
        .filter(|(_, call)| matches!(call, Call::Claim(_)))
        .count();
    // After 1, 2, 4 and 8 s, every 10 to 20 s.
    assert!((30..=64).contains(&claims), "{claims}");
    bench.odoo.down(false);
    bench.next_claim().await;
    bench.during(10).await;
    let text = log.text();
    assert_eq!(text.matches("does not answer").count(), 1, "{text}");
    assert_eq!(text.matches("Odoo is back").count(), 1, "{text}");
    assert!(bench.health.report().0);
}

#[tokio::test(start_paused = true)]
async fn after_an_hour_without_odoo_many_workers_come_back_one_by_one_and_what_was_not_told_is_done_again()
 {
    let work = || {
        one_step(|_| async {
            sleep(Duration::from_secs(5)).await;
            Ok(())
        })
    };
    let mut benches: Vec<_> = (0..40).map(|id| Bench::start([job(id)], work())).collect();
    for bench in &mut benches {
        bench.next_claim().await;
    }
    // All lose it at one moment, with a job that is soon done and cannot be told.
    let lost = Instant::now();
    for bench in &benches {
        bench.odoo.down(true);
    }
    sleep(Duration::from_secs(3600)).await;
    for bench in &mut benches {
        let (mut claims, mut reports) = (0, 0);
        while let Ok((_, call)) = bench.calls.try_recv() {
            claims += usize::from(matches!(call, Call::Claim(_)));
            reports += usize::from(matches!(call, Call::Report(_)));
        }
        // About one in 15 s, and the tries to tell of the job while it is theirs.
        assert!((180..=365).contains(&claims), "{claims}");
        assert!((5..=50).contains(&reports), "{reports}");
        assert!(bench.counted("chandlery_leases_lost_total 1"));
    }
    for (id, bench) in (0..).zip(&benches) {
        // Its lease has ended: it waits again, and whoever asks first gets it.
        let mut again = job(id);
        (again["token"], again["attempt"]) = (json!("another"), json!(2));
        bench.odoo.queue(again);
        bench.odoo.down(false);
    }
    let mut back = Vec::new();
    for (id, bench) in (0..).zip(&mut benches) {
        let (at, _) = bench.next_claim().await;
        back.push((at - lost).as_secs());
        let (told, outcome) = bench.next_outcome().await;
        assert_eq!((told, outcome.state), (id, OutcomeState::Done));
    }
    let at_once = |second| back.iter().filter(|at| **at == second).count();
    let busiest = back.iter().map(|second| at_once(*second)).max();
    assert!(busiest < Some(20), "{back:?}");
    assert!(back.iter().all(|second| *second <= 3621), "{back:?}");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn uid(id: i64) -> Uid {
    format!("{id:032x}").try_into().unwrap()
}

fn namespace_seen(app: &AppSeen) -> NamespaceSeen {
    NamespaceSeen {
        namespace: app.namespace.clone(),
        object: app.namespace.clone(),
        uid: Some(app.uid.to_string()),
        app: Some(app.id),
        name: "shop".to_owned(),
        environment: "int".to_owned(),
        created_at: jiff::Timestamp::UNIX_EPOCH,
        labels: Vec::new(),
    }
}

fn app_seen(id: i64, message: &str) -> AppSeen {
    AppSeen {
        id,
        uid: uid(id),
        namespace: format!("shop-{id}"),
        observation: Observation {
            state: if message.is_empty() {
                ObservedState::Running
            } else {
                ObservedState::Degraded
            },
            message: message.into(),
            ingress: Ingress {
                state: IngressState::None,
                hosts: Vec::new(),
                addresses: Vec::new(),
                tls: false,
                message: "".into(),
            },
            objects: None,
            seen_at: jiff::Timestamp::now(),
        },
    }
}

#[tokio::test(start_paused = true)]
async fn observations_are_told_whole_at_the_start_and_then_only_what_changed() {
    let mut bench = Bench::start([], one_step(|_| async { Ok(()) }));
    *bench.seen.lock().unwrap() = vec![app_seen(7, ""), app_seen(8, "")];
    let ids = |observe: &ObserveRequest| observe.apps.iter().map(|app| app.id).collect::<Vec<_>>();
    let (start, first) = bench.next_observe().await;
    assert_eq!((first.cluster.as_str(), ids(&first)), ("demo", vec![7, 8]));
    *bench.seen.lock().unwrap() = vec![app_seen(7, ""), app_seen(8, "ImagePullBackOff")];
    let (changed, second) = bench.next_observe().await;
    assert_eq!(ids(&second), [8]);
    assert_eq!(second.apps[0].observation.message, "ImagePullBackOff");
    assert!(changed - start <= Duration::from_secs(31));
    let later = bench.during(300).await;
    for (_, call) in &later {
        if let Call::Observe(observe) = call {
            assert_eq!(ids(observe), [0; 0], "nothing changed");
        }
    }
}

/// Newcomer's diary, rank 1: "Namespace gone while no worker looked: app stays Running for good", since only what exists
/// was ever told.
#[tokio::test(start_paused = true)]
async fn after_each_look_at_everything_all_namespaces_are_named_and_after_others_none() {
    let mut bench = Bench::start([], one_step(|_| async { Ok(()) }));
    *bench.seen.lock().unwrap() = vec![app_seen(7, ""), app_seen(8, "")];
    let (_, first) = bench.next_observe().await;
    let named = |observe: &ObserveRequest| -> Option<Vec<String>> {
        let complete = observe.complete.as_ref()?;
        Some(
            complete
                .namespaces
                .iter()
                .map(|seen| seen.namespace.clone())
                .collect(),
        )
    };
    assert_eq!(named(&first).unwrap(), ["shop-7", "shop-8"]);
    *bench.seen.lock().unwrap() = vec![app_seen(7, "broken"), app_seen(8, "")];
    let namespace = app_seen(7, "").namespace;
    bench
        .changes
        .send(Ok(WatchEvent::Namespace(namespace)))
        .unwrap();
    let (_, partial) = bench.next_observe().await;
    assert_eq!(named(&partial), None, "only one was looked at");
    *bench.seen.lock().unwrap() = vec![app_seen(7, "broken")];
    let later = bench.during(31).await;
    let complete: Vec<_> = later
        .iter()
        .filter_map(|(_, call)| match call {
            Call::Observe(observe) => named(observe),
            _ => None,
        })
        .collect();
    assert_eq!(complete, [["shop-7"]], "the other one is gone");
}

#[tokio::test(start_paused = true)]
async fn when_odoo_was_away_it_is_told_everything_again_for_it_may_have_been_restored() {
    let mut bench = Bench::start([], one_step(|_| async { Ok(()) }));
    *bench.seen.lock().unwrap() = vec![app_seen(7, "")];
    bench.next_observe().await;
    bench.odoo.down(true);
    bench.during(60).await;
    bench.odoo.down(false);
    let later = bench.during(60).await;
    let again = later.iter().find_map(|(_, call)| match call {
        Call::Observe(observe) => observe.apps.first(),
        _ => None,
    });
    assert_eq!(
        again.map(|app| app.id),
        Some(7),
        "though nothing has changed"
    );
}

fn is_observe(call: &(Instant, Call)) -> bool {
    matches!(call, (_, Call::Observe(_)))
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_stands_by_looks_at_no_app_until_odoo_says_that_it_observes() {
    let mut bench = Bench::start([], one_step(|_| async { Ok(()) }));
    bench.odoo.observes(&[]);
    *bench.seen.lock().unwrap() = vec![app_seen(7, "broken")];
    let namespace = app_seen(7, "").namespace;
    bench
        .changes
        .send(Ok(WatchEvent::Namespace(namespace)))
        .unwrap();
    let calls = bench.during(300).await;
    assert!(!calls.is_empty() && !calls.iter().any(is_observe));
    assert!(bench.looked_at.lock().unwrap().is_empty());

    // The other one is gone.
    bench.odoo.observes(&["demo"]);
    let (claimed, _) = bench.next_claim().await;
    let (told, first) = bench.next_observe().await;
    assert!(told - claimed <= Duration::from_secs(2));
    assert!(first.complete.is_some(), "all that it had missed");

    bench.odoo.observes(&["another"]);
    bench.next_claim().await;
    assert!(!bench.during(300).await.iter().any(is_observe));
}

#[tokio::test(start_paused = true)]
async fn while_odoo_is_away_a_worker_observes_no_longer_than_odoo_has_said() {
    let mut bench = Bench::start([], one_step(|_| async { Ok(()) }));
    bench.odoo.observes(&["demo"]);
    *bench.seen.lock().unwrap() = vec![app_seen(7, "")];
    bench.next_observe().await;
    let (claimed, _) = bench.next_claim().await;
    bench.odoo.down(true);
    let calls = bench.during(600).await;
    let observed = calls.iter().filter(|call| is_observe(call));
    let last = observed.map(|(at, _)| *at).max().unwrap();
    assert!(last - claimed <= Duration::from_secs(90));
    // It comes back, and everything is told again.
    bench.odoo.down(false);
    let (_, again) = bench.next_observe().await;
    assert_eq!(again.apps[0].id, 7);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_told_is_told_when_odoo_is_back() {
    let mut bench = Bench::start([], one_step(|_| async { Ok(()) }));
    bench.next_claim().await;
    *bench.seen.lock().unwrap() = vec![app_seen(7, "")];
    bench.odoo.down(true);
    bench.next_observe().await;
    bench.odoo.down(false);
    let (_, again) = bench.next_observe().await;
    assert_eq!(again.apps[0].id, 7);
}

#[tokio::test(start_paused = true)]
async fn an_app_is_looked_at_a_second_after_something_of_it_changed() {
    let mut bench = Bench::start([], one_step(|_| async { Ok(()) }));
    *bench.seen.lock().unwrap() = vec![app_seen(7, ""), app_seen(8, "")];
    let (_, first) = bench.next_observe().await;
    assert_eq!(first.apps.len(), 2);

    *bench.seen.lock().unwrap() = vec![app_seen(7, "broken"), app_seen(8, "broken too")];
    let changed = Instant::now();
    for _ in 0..10 {
        let namespace = app_seen(7, "").namespace;
        bench
            .changes
            .send(Ok(WatchEvent::Namespace(namespace)))
            .unwrap();
    }
    let (told, news) = bench.next_observe().await;
    let ids: Vec<i64> = news.apps.iter().map(|app| app.id).collect();
    assert_eq!(ids, [7], "only what changed is looked at");
    assert!(
        told - changed <= Duration::from_millis(1500),
        "{:?}",
        told - changed
    );
    let (later, rest) = bench.next_observe().await;
    assert_eq!(rest.apps[0].id, 8);
    assert!(
        later - changed > Duration::from_secs(10),
        "the other one waits for its turn"
    );
}

#[tokio::test(start_paused = true)]
async fn where_watching_fails_the_apps_are_still_looked_at_every_now_and_then() {
    let mut bench = Bench::start([], one_step(|_| async { Ok(()) }));
    *bench.seen.lock().unwrap() = vec![app_seen(7, "")];
    bench.next_observe().await;
    for _ in 0..3 {
        let forbidden = Problem::new(Code::ClusterWatch, "forbidden");
        bench.changes.send(Err(forbidden)).unwrap();
    }
    let (gone, _) = mpsc::unbounded_channel();
    bench.changes = gone;
    *bench.seen.lock().unwrap() = vec![app_seen(7, "broken")];
    let before = Instant::now();
    let (told, _) = bench.next_observe().await;
    assert!(
        told - before <= Duration::from_secs(31),
        "{:?}",
        told - before
    );
    assert!(bench.counted("chandlery_api_errors_total{api=\"demo\",error=\"cluster_watch\"} 3"));
}

#[tokio::test(start_paused = true)]
async fn after_a_gap_in_watching_everything_is_looked_at() {
    let mut bench = Bench::start([], one_step(|_| async { Ok(()) }));
    *bench.seen.lock().unwrap() = vec![app_seen(7, "")];
    bench.next_observe().await;
    *bench.seen.lock().unwrap() = vec![app_seen(7, "broken")];
    let before = Instant::now();
    bench.changes.send(Ok(WatchEvent::Resync)).unwrap();
    let (told, _) = bench.next_observe().await;
    assert!(
        told - before <= Duration::from_millis(1500),
        "{:?}",
        told - before
    );
}

/// A round costs the cluster nothing for an app that is well and has not changed.
#[tokio::test(start_paused = true)]
async fn while_a_watch_tells_of_all_that_changes_only_what_is_not_well_is_looked_at_again() {
    let mut bench = Bench::start([], one_step(|_| async { Ok(()) }));
    let broken = app_seen(8, "ImagePullBackOff");
    *bench.seen.lock().unwrap() = vec![app_seen(7, ""), broken.clone()];
    bench.changes.send(Ok(WatchEvent::Resync)).unwrap();
    bench.next_observe().await;
    let looked_at = async |bench: &mut Bench, seconds| {
        bench.looked_at.lock().unwrap().clear();
        bench.during(seconds).await;
        bench.looked_at.lock().unwrap().clone()
    };
    assert_eq!(
        looked_at(&mut bench, 40).await,
        BTreeSet::from([broken.uid.clone()])
    );
    // Once there was a gap, everything is; and in each round, where the watch fails.
    let all = BTreeSet::from([app_seen(7, "").uid, broken.uid]);
    bench.changes.send(Ok(WatchEvent::Resync)).unwrap();
    assert_eq!(looked_at(&mut bench, 2).await, all);
    let lost = Problem::new(Code::ClusterWatch, "lost");
    bench.changes.send(Err(lost)).unwrap();
    for _ in 0..2 {
        assert_eq!(looked_at(&mut bench, 31).await, all);
    }
}

#[tokio::test(start_paused = true)]
async fn an_app_with_a_job_is_not_observed_until_the_job_is_over() {
    let mut bench = Bench::start(
        [job(7)],
        one_step(|_| async {
            sleep(Duration::from_secs(100)).await;
            Ok(())
        }),
    );
    *bench.seen.lock().unwrap() = vec![app_seen(7, "")];
    let (started, _) = bench.next_claim().await;
    let (told, _) = bench.next_observe().await;
    let after = told - started;
    assert!(after >= Duration::from_secs(100), "{after:?}");
    assert!(
        after <= Duration::from_secs(106),
        "soon after it, though nothing changes any more: {after:?}"
    );
}

/// A job that waits for good, but for the jobs from `healthy` on.
fn broken_before(
    healthy: i64,
) -> impl Fn(Job, Arc<StepLog>) -> BoxFuture<'static, Outcome> + Send + Sync + 'static {
    one_step(move |id| async move {
        sleep(Duration::from_millis(500)).await;
        if id < healthy {
            slot::waiting(std::future::pending::<()>()).await;
        }
        Ok(())
    })
}

/// "One customer's broken app stops everybody's jobs."
#[tokio::test(start_paused = true)]
async fn a_healthy_app_gets_done_at_once_while_more_broken_ones_wait_than_there_are_slots() {
    let broken = i64::from(CAPACITY) + 5;
    let mut bench = Bench::start((1..=broken).map(job), broken_before(100));
    bench.during(60).await;
    assert_eq!(
        bench
            .metrics
            .text()
            .lines()
            .find(|line| line.starts_with("chandlery_jobs_held ")),
        Some("chandlery_jobs_held 7")
    );
    bench.odoo.queue(job(100));
    bench.wake_up.notify_one();
    let queued = Instant::now();
    let (id, outcome) = bench.next_outcome().await;
    assert_eq!((id, outcome.state), (100, OutcomeState::Done));
    assert!(
        queued.elapsed() < Duration::from_secs(2),
        "{:?}",
        queued.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_thousand_waiting_jobs_are_held_with_their_leases_and_the_next_ones_are_not_claimed() {
    let mut bench = Bench::start((1..=1010).map(job), broken_before(2000));
    // Longer than a lease.
    let calls = bench.during(300).await;
    assert!(bench.counted("chandlery_leases_lost_total 0"));
    assert!(bench.counted("chandlery_jobs_held 1002"));
    assert_eq!(bench.odoo.0.jobs.lock().unwrap().len(), 8);
    let mut asked = Vec::new();
    for (at, call) in calls {
        if let Call::Report(report) = call {
            assert!(report.jobs.len() <= 100, "{}", report.jobs.len());
            asked.extend(report.jobs.iter().map(|job| (job.id, at)));
        }
    }
    let begin = asked[0].1 + Duration::from_secs(240);
    let late = asked.iter().filter(|(_, at)| *at > begin).count();
    assert!(late <= 4 * 1002, "each is renewed about every 20 s: {late}");

    // What somebody cancels makes room, and cancelling is heard within the time between two reports.
    bench.odoo.answer(7, Answer::Stop);
    let (id, outcome) = bench.next_outcome().await;
    assert_eq!((id, outcome.state), (7, OutcomeState::Cancelled));
    bench.during(1).await;
    assert_eq!(bench.odoo.0.jobs.lock().unwrap().len(), 7);
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_handed_back_at_once_when_the_worker_ends_and_what_is_at_work_may_finish() {
    let mut bench = Bench::start((1..=9).map(job), |job, step_log| {
        Box::pin(async move {
            let waits = job.id < 9;
            let ended = step_log
                .step(StepCode::Waiting, async |_| {
                    if waits {
                        slot::waiting(std::future::pending::<()>()).await;
                    }
                    sleep(Duration::from_secs(20)).await;
                    Ok(())
                })
                .await;
            outcome(ended, JobResult::default(), &step_log)
        })
    });
    bench.during(10).await;
    bench.closing.cancel();
    let closed = Instant::now();
    for _ in 0..8 {
        assert_eq!(bench.next_outcome().await.1.state, OutcomeState::Released);
    }
    assert!(
        closed.elapsed() < Duration::from_secs(2),
        "{:?}",
        closed.elapsed()
    );
    assert_eq!(bench.next_outcome().await.1.state, OutcomeState::Done);
    (&mut bench.run).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn slots_come_back_from_jobs_that_panic_are_cancelled_or_lost() {
    let mut bench = Bench::start(
        (1..=6).map(job),
        one_step(|id| async move {
            assert!(id > 2, "a defect");
            if id == 6 {
                slot::waiting(sleep(Duration::from_secs(1))).await;
            } else if id < 100 {
                std::future::pending::<()>().await;
            }
            Ok(())
        }),
    );
    bench.during(10).await;
    bench.odoo.answer(3, Answer::Stop);
    bench.odoo.answer(4, Answer::Stale);
    bench.during(30).await;
    bench.odoo.answer(5, Answer::Stop);
    bench.during(30).await;
    assert!(
        bench.counted("chandlery_jobs_held 0"),
        "{}",
        bench.metrics.text()
    );
    let two = [job(101), job(102)];
    two.into_iter().for_each(|job| bench.odoo.queue(job));
    bench.outcomes.clear();
    let (_, claim) = bench.next_claim().await;
    assert_eq!(claim.capacity, CAPACITY);
    for _ in 0..2 {
        assert_eq!(bench.next_outcome().await.1.state, OutcomeState::Done);
    }
}

/// A lost attempt that cannot let go keeps the app to itself, and no slot from the others.
#[tokio::test(start_paused = true)]
async fn a_job_that_waits_for_its_app_has_no_slot_and_can_be_cancelled() {
    let again = |token: &str| {
        let mut again = job(1);
        again["token"] = json!(token);
        again
    };
    let mut bench = Bench::start([job(1)], |job, step_log| {
        Box::pin(async move {
            // It does not hear the wish to stop.
            if job.id == 1 {
                slot::waiting(std::future::pending::<()>()).await;
            }
            outcome(Ok(()), JobResult::default(), &step_log)
        })
    });
    bench.next_report().await;
    for token in ["second", "third", "fourth"] {
        bench.odoo.queue(again(token));
        bench.during(6).await;
    }
    bench.odoo.queue(job(2));
    assert_eq!(bench.next_outcome().await.0, 2);
    bench.odoo.answer(1, Answer::Stop);
    let (id, outcome) = bench.next_outcome().await;
    assert_eq!((id, outcome.state), (1, OutcomeState::Cancelled));
}

/// What is still to be reported fills up no memory.
#[tokio::test(start_paused = true)]
async fn jobs_whose_outcome_odoo_does_not_take_are_not_followed_by_ever_more() {
    let mut bench = Bench::start((1..=50).map(job), one_step(|_| async { Ok(()) }));
    *bench.odoo.0.refused.lock().unwrap() = Some(1);
    let calls = bench.during(20).await;
    let most = calls.iter().filter_map(|(_, call)| match call {
        Call::Report(report) => Some(report.jobs.len()),
        _ => None,
    });
    assert!(most.max().unwrap() <= CAPACITY as usize);
}

/// Each look at an app takes ten calls to the API server.
#[tokio::test(start_paused = true)]
async fn apps_whose_jobs_wait_are_not_looked_at() {
    let mut bench = Bench::start([job(7)], broken_before(100));
    *bench.seen.lock().unwrap() = vec![app_seen(7, ""), app_seen(8, "")];
    bench.next_observe().await;
    bench.looked_at.lock().unwrap().clear();
    bench.during(120).await;
    let looked_at = bench.looked_at.lock().unwrap().clone();
    assert!(
        looked_at.contains(&uid(8)) && !looked_at.contains(&uid(7)),
        "{looked_at:?}"
    );
}
