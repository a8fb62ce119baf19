// What of OCA's rules finds mistakes; prettier sees to the form.
const globals = require("globals");

module.exports = [
    {
        files: ["odoo_addon/**/*.js"],
        languageOptions: {
            ecmaVersion: 2024,
            sourceType: "module",
            globals: {...globals.browser, odoo: "readonly"},
        },
        rules: {
            curly: ["error", "all"],
            eqeqeq: "error",
            "no-console": "error",
            "no-const-assign": "error",
            "no-dupe-keys": "error",
            "no-redeclare": "error",
            "no-shadow": "error",
            "no-undef": "error",
            "no-unreachable": "error",
            "no-unused-vars": "error",
            "no-var": "error",
            "prefer-const": "error",
        },
    },
];
