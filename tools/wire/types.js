// Writes js/wire.d.ts, the types of every request and answer, from the OpenAPI document of our routes.
// `--check` writes nothing and fails where the file is not what would be written.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import openapiTypes, { astToString } from "openapi-typescript";

const ROOT = new URL("../../", import.meta.url);
const TARGET = new URL("js/wire.d.ts", ROOT);
const HEAD = `// Every request and answer of our routes. Made from server_routes/wire.py by \`npm run wire\`: do not edit.
// In a module: /** @typedef {import("./wire.js").Job} Job */

`;

/** @returns {any} the document, as the running server would give it */
function readDocument() {
  const script = fileURLToPath(new URL("document.py", import.meta.url));
  const own = fileURLToPath(new URL(".venv/bin/python", ROOT));
  const python = process.env["SAFE_INSTALL_PYTHON"] || (existsSync(own) ? own : "python3");
  const { status, stdout } = spawnSync(python, ["-B", script], { encoding: "utf-8", stdio: ["ignore", "pipe", "inherit"] });
  if (status !== 0) process.exit(1);
  return JSON.parse(stdout);
}

/**
 * @param {any} document
 * @returns {Promise<string>} the text of the file
 */
async function types(document) {
  // What has a default may be left out of a request; answers hold everything, and say so themselves.
  const tree = await openapiTypes({ ...document, paths: {} }, { defaultNonNullable: false });
  const names = Object.keys(document.components.schemas).sort();
  const own = names.map((name) => `export type ${name} = components["schemas"]["${name}"];\n`);
  const components = astToString(tree);
  const from = components.indexOf("export interface components");
  const until = components.indexOf("export type $defs");
  return [HEAD, ...own, ...routes(document), "\n", components.slice(from, until)].join("");
}

/**
 * @param {any} document
 * @returns {Generator<string>} which request is answered by what, and which is made with what
 */
function* routes(document) {
  const all = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      route: `${method.toUpperCase()} ${path.replace(/^.*\/v1/, "")}`,
      answer: model(Object.entries(operation.responses).find(([status]) => status.startsWith("2"))?.[1]),
      body: model(operation.requestBody),
    })),
  );
  yield "\n/** What each route answers where nothing is wrong; a Failure where something is. */\nexport interface Answers {\n";
  yield* all.map(({ route, answer }) => `    "${route}": ${answer};\n`);
  yield "}\n\n/** What each route that changes something is sent. */\nexport interface Bodies {\n";
  yield* all.filter(({ body }) => body).map(({ route, body }) => `    "${route}": ${body};\n`);
  yield "}\n";
}

/**
 * @param {any} content of a request or an answer
 * @returns {string} the name of its model; empty where it has none
 */
function model(content) {
  if (!content) return "";
  const schema = content.content?.["application/json"]?.schema;
  return schema?.$ref?.split("/").at(-1) ?? "unknown";
}

const text = await types(readDocument());
if (!process.argv.includes("--check")) {
  writeFileSync(TARGET, text);
} else if (!existsSync(TARGET) || readFileSync(TARGET, "utf-8") !== text) {
  console.error("js/wire.d.ts does not say what server_routes/wire.py says: run `npm run wire`.");
  process.exitCode = 1;
}
