/** The words: every language says the same things. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { named, speak, t } from "../../js/words.js";
import { en } from "../../js/words/en.js";
import { fr } from "../../js/words/fr.js";

const forms = (/** @type {import("../../js/words.js").Message} */ message) =>
  typeof message === "string" ? [message] : [message.one, message.other];

test("every language has the keys of English, with the same values in them", () => {
  assert.deepEqual(Object.keys(fr), Object.keys(en));
  for (const [key, message] of Object.entries(en)) {
    const other = fr[/** @type {keyof typeof en} */ (key)];
    const values = (/** @type {import("../../js/words.js").Message} */ each) =>
      [...new Set(forms(each).flatMap((form) => form.match(/\{\w+\}/g) ?? []))].filter((name) => name !== "{count}").sort();
    assert.deepEqual(values(other), values(message), key);
    assert.ok(forms(other).every((form) => form.trim() !== ""), `${key} is empty`);
  }
});

test("no French line begins with a sign that belongs to the word before it", () => {
  const torn = Object.values(fr).flatMap(forms).filter((form) => /« | [»?!;:](?=[\s,."»)]|$)/.test(form));
  assert.deepEqual(torn, []);
});

test("every key that the code asks for is there, and every key is asked for", () => {
  const folder = new URL("../../js/", import.meta.url);
  const code = readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".js") && !name.startsWith("words"))
    .map((name) => readFileSync(new URL(name, folder), "utf8"))
    .join("\n");
  const asked = new Set([...code.matchAll(/["'`]([a-z]+(?:\.[\w-]+)+)["'`]/g)].map((match) => match[1]));
  const groups = [...code.matchAll(/["'`]([a-z]+(?:\.[\w-]+)*\.)["'`]/g), ...code.matchAll(/`([a-z]+(?:\.[\w-]+)*\.)\$\{/g)].map(
    (match) => /** @type {string} */ (match[1]),
  );
  const unused = Object.keys(en).filter((key) => !asked.has(key) && !groups.some((group) => key.startsWith(group)));
  assert.deepEqual(unused, []);
  const unknown = [...code.matchAll(/\bt\(\s*["']([\w.-]+)["']/g)].map((match) => match[1]).filter((key) => !(String(key) in en));
  assert.deepEqual(unknown, []);
});

test("values are put in, numbers as the language writes them", () => {
  speak("en");
  assert.equal(t("common.code", { code: "a-b" }), "Code: a-b");
  assert.equal(t("common.code", { code: 12345 }), "Code: 12,345");
  speak("fr-CA");
  assert.equal(t("common.code", { code: "a-b" }), "Code\u00a0: a-b");
  speak("ja");
  assert.equal(t("common.close"), "Close");
});

test("a code without words is shown as it is", () => {
  speak("en");
  assert.equal(named("panel.", "nothing-of-the-kind"), "nothing-of-the-kind");
  assert.equal(named("panel.", "packs"), "Packs");
});
