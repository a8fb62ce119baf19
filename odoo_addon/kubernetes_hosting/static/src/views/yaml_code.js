import {useEffect} from "@odoo/owl";
import {CodeEditor} from "@web/core/code_editor/code_editor";

// The mode comes with this addon, in the bundle of the editor itself.
CodeEditor.MODES.push("yaml");

/** YAML to be read: highlighted, with line numbers, and with marks at its problems. */
export class YamlCode extends CodeEditor {
    static props = {
        ...CodeEditor.props,
        label: {type: String, optional: true},
        // {line, column, length, message, type: "error" | "warning"}, counted from one
        marks: {type: Array, optional: true},
        // {line, column}; a new object goes there again
        position: {type: Object, optional: true},
    };
    static defaultProps = {
        ...CodeEditor.defaultProps,
        mode: "yaml",
        readonly: true,
        marks: [],
    };

    setup() {
        super.setup();
        useEffect(
            (label) => {
                this.aceEditor.setOptions({showGutter: true, useSvgGutterIcons: false});
                this.aceEditor.textInput
                    .getElement()
                    .setAttribute("aria-label", label || "");
            },
            () => [this.props.label]
        );
        useEffect(
            (value, marks) => this.mark(marks),
            () => [this.props.value, this.props.marks]
        );
        useEffect(
            (position) => {
                if (position) {
                    this.aceEditor.gotoLine(
                        position.line,
                        (position.column || 1) - 1,
                        true
                    );
                }
            },
            () => [this.props.position]
        );
    }

    mark(marks) {
        const {session} = this.aceEditor;
        const placed = marks.filter(({line}) => line);
        session.setAnnotations(
            placed.map(({line, column, message, type}) => ({
                row: line - 1,
                column: (column || 1) - 1,
                text: message,
                type,
            }))
        );
        const lines = placed.map(
            ({line, type}) =>
                session.highlightLines(line - 1, line - 1, `o_kubernetes_${type}_line`)
                    .id
        );
        const Range = this.aceEditor.getSelectionRange().constructor;
        const ranges = placed
            .filter(({column, length}) => column && length)
            .map(({line, column, length, type}) =>
                session.addMarker(
                    new Range(line - 1, column - 1, line - 1, column - 1 + length),
                    `o_kubernetes_${type}_range`,
                    "text"
                )
            );
        return () => [...lines, ...ranges].forEach((id) => session.removeMarker(id));
    }
}
