// package-lock.json works with every registry and mirror: it names packages by version and digest, no place.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

/** @param {string} name @returns {any} */
const read = (name) => JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), "utf-8"));

/** @type {[string, any][]} */
const PACKAGES = Object.entries(read("package-lock.json").packages).filter(([path]) => path !== "");

test("every package is held by its digest", () => {
  for (const [path, { integrity }] of PACKAGES) assert.match(integrity ?? "", /^sha512-/, path);
});

test("no package is held to a place", () => {
  for (const [path, { resolved }] of PACKAGES) assert.equal(resolved, undefined, path);
});

test("nothing of it is needed to run the front end", () => {
  const { dependencies = {}, private: kept } = read("package.json");
  assert.deepEqual(dependencies, {});
  assert.equal(kept, true);
});
