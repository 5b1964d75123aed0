// The rooms of js/ as rules. What may import what is data below; the reasons are in the messages.
import js from "@eslint/js";
import { createNodeResolver, importX } from "eslint-plugin-import-x";
import jsdoc from "eslint-plugin-jsdoc";
import unsanitized from "eslint-plugin-no-unsanitized";
import { defineConfig, globalIgnores } from "eslint/config";

const LONGEST_COMPONENT = 200;
const LONGEST_FILE = 320;

/**
 * A room may import itself and these; everything else of js/ is closed to it.
 * @param {string} room a folder or file of js/
 * @param {string[]} open what it may import, relative to js/
 * @param {string} why
 */
function room(room, open, why) {
  const itself = room.endsWith(".js") ? [] : [room];
  return { target: `./js/${room}`, from: "./js", except: [...itself, ...open].map((each) => `./${each}`), message: why };
}

const ROOMS = [
  room("components", ["dom.js", "element.js", "words.js", "model"], "A component gets its data by a property and tells by act()."),
  room("model", [], "The model is pure: values in, values out."),
  room("words", [], "Words are data."),
  room("dom.js", [], "dom.js knows nothing of us."),
  // These import what they like of js/, but for:
  ...["dom.js", "element.js", "comfy.js", "components"].map((dom) => ({
    target: "./js/actions",
    from: `./js/${dom}`,
    message: "An action has no DOM and gets api, store and host handed in.",
  })),
];

const HOST = "^(\\.\\./)+scripts/";
const OUTSIDE = { regex: "^[^.]", message: "There is no import map in the page: nothing but relative paths can be imported." };
const HOST_CLOSED = { regex: HOST, message: "Only js/comfy.js imports the host's modules." };
const HOST_OPEN = {
  regex: `${HOST}(?!(app|api)\\.js$)`,
  message: "Only app.js and api.js of the host can be imported without a deprecation notice.",
};

const MARKUP = ["innerHTML", "outerHTML", "insertAdjacentHTML", "setHTMLUnsafe", "createContextualFragment"];
const NETWORK = ["fetch", "XMLHttpRequest", "WebSocket", "EventSource"];
const PAGE = ["document", "window", "navigator", "location", "localStorage", "sessionStorage", "customElements"];
const CLOCK = ["setTimeout", "setInterval", "requestAnimationFrame"];

const DECLARATIONS = [
  "ImportDeclaration", "ExportNamedDeclaration", "ExportAllDeclaration",
  "VariableDeclaration", "FunctionDeclaration", "ClassDeclaration",
];
/** The host imports every .js it finds below js/, so that an import must do nothing. */
const ACTS_ON_IMPORT = {
  selector: `Program > :not(${DECLARATIONS.join(", ")})`,
  message: "Only js/main.js acts on import; put this into a function that it calls.",
};

export default defineConfig([
  globalIgnores([".venv/", ".cache/", "build/", "dist/", "node_modules/"]),
  {
    files: ["**/*.js"],
    plugins: { js, jsdoc, "import-x": importX },
    extends: ["js/recommended"],
    languageOptions: { ecmaVersion: 2022, sourceType: "module" },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    settings: {
      "import-x/resolver-next": [createNodeResolver()],
      "jsdoc": { mode: "typescript", tagNamePreference: { augments: "extends" } },
    },
    rules: {
      "no-undef": "off", // tsc says it, and knows which globals there are
      "no-unused-vars": ["error", { argsIgnorePattern: "^_", caughtErrors: "all" }],
      "eqeqeq": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "max-lines": ["error", LONGEST_FILE],
      "import-x/extensions": ["error", "always", { ignorePackages: true }],
      "import-x/first": "error",
      "import-x/no-cycle": "error",
      "import-x/no-duplicates": "error",
      "import-x/no-mutable-exports": "error",
      "import-x/no-self-import": "error",
      "jsdoc/check-param-names": "error",
      "jsdoc/check-tag-names": "error",
      "jsdoc/no-bad-blocks": "error",
    },
  },
  {
    files: ["js/**/*.js"],
    plugins: { "no-unsanitized": unsanitized },
    rules: {
      "no-console": ["error", { allow: ["error"] }],
      "no-restricted-globals": ["error", ...NETWORK],
      "no-restricted-imports": ["error", { patterns: [OUTSIDE, HOST_CLOSED] }],
      "no-restricted-properties": ["error", ...MARKUP.map((property) => ({ property, message: "Elements are made by h()." }))],
      "no-restricted-syntax": ["error", ACTS_ON_IMPORT],
      "no-unsanitized/method": "error",
      "no-unsanitized/property": "error",
      "import-x/no-default-export": "error",
      "import-x/no-restricted-paths": ["error", { zones: ROOMS }],
      "import-x/no-unresolved": ["error", { ignore: [HOST] }],
      "jsdoc/require-jsdoc": ["error", { publicOnly: true, require: { ClassDeclaration: true, FunctionDeclaration: true } }],
    },
  },
  { files: ["js/main.js"], rules: { "no-restricted-syntax": "off" } },
  { files: ["js/comfy.js"], rules: { "no-restricted-imports": ["error", { patterns: [OUTSIDE, HOST_OPEN] }] } },
  { files: ["js/components/**/*.js"], rules: { "max-lines": ["error", LONGEST_COMPONENT] } },
  { files: ["js/words/**/*.js"], rules: { "max-lines": "off" } },
  { files: ["js/model/**/*.js"], rules: { "no-restricted-globals": ["error", ...NETWORK, ...PAGE, ...CLOCK] } },
  { files: ["js/actions/**/*.js"], rules: { "no-restricted-globals": ["error", ...NETWORK, ...PAGE] } },
]);
