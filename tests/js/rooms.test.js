// The rooms of js/ are kept by eslint.config.js: what is against them is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { ESLint } from "eslint";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const eslint = new ESLint({ cwd: ROOT });

/**
 * @param {string} file as if it stood there
 * @param {string} code
 * @returns {Promise<string[]>} the rules it breaks
 */
async function broken(file, code) {
  const [result] = await eslint.lintText(code, { filePath: `${ROOT}${file}` });
  return (result?.messages ?? []).map(({ ruleId, message }) => ruleId ?? message);
}

const REFUSED = /** @type {const} */ ([
  ["js/components/x.js", `import "../api.js";`, "import-x/no-restricted-paths"],
  ["js/components/x.js", `import "../store.js";`, "import-x/no-restricted-paths"],
  ["js/components/x.js", `import "../actions/flow.js";`, "import-x/no-restricted-paths"],
  ["js/components/x.js", "/* */\n".repeat(201), "max-lines"],
  ["js/model/x.js", `import "../dom.js";`, "import-x/no-restricted-paths"],
  ["js/model/x.js", `import "../words.js";`, "import-x/no-restricted-paths"],
  ["js/model/x.js", "export const x = () => document.title;", "no-restricted-globals"],
  ["js/actions/x.js", `import "../dom.js";`, "import-x/no-restricted-paths"],
  ["js/actions/x.js", `import "../comfy.js";`, "import-x/no-restricted-paths"],
  ["js/store.js", `import "../../scripts/app.js";`, "no-restricted-imports"],
  ["js/components/x.js", `import "../../../scripts/api.js";`, "no-restricted-imports"],
  ["js/comfy.js", `import "../../scripts/ui.js";`, "no-restricted-imports"],
  ["js/comfy.js", `import "vue";`, "no-restricted-imports"],
  ["js/store.js", `import "./api";`, "import-x/extensions"],
  ["js/store.js", "customElements.define('x-y', HTMLElement);", "no-restricted-syntax"],
  ["js/store.js", "if (Date.now()) addEventListener('x', () => {});", "no-restricted-syntax"],
  ["js/store.js", `export const x = (/** @type {any} */ e) => { e.innerHTML = "x"; };`, "no-restricted-properties"],
  ["js/store.js", `export const x = (e, m) => e.insertAdjacentHTML("x", m);`, "no-unsanitized/method"],
  ["js/store.js", "export const x = () => fetch('x');", "no-restricted-globals"],
  ["js/store.js", "export const x = () => console.log('x');", "no-console"],
  ["js/store.js", "export const x = () => console.warn('x');", "no-console"],
  ["js/store.js", "export default 1;", "import-x/no-default-export"],
]);

for (const [file, code, rule] of REFUSED) {
  test(`${file} may not: ${code.trim() || "be that long"}`, async () => {
    assert.ok((await broken(file, code)).includes(rule), `${rule} is not among ${await broken(file, code)}`);
  });
}

const ALLOWED = /** @type {const} */ ([
  ["js/main.js", "addEventListener('x', () => console.error('x'));"],
  ["js/comfy.js", `import { app } from "../../scripts/app.js";\n/** It. */\nexport const get = () => app;`],
  ["js/components/x.js", `import { h } from "../dom.js";\n/** It. */\nexport const get = () => h("p");`],
]);

for (const [file, code] of ALLOWED) {
  test(`${file} may: ${code}`, async () => {
    assert.deepEqual(await broken(file, code), []);
  });
}
