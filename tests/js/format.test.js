/** Numbers and times as people read them. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ago, moment, size } from "../../js/model/format.js";

const NOW = Date.parse("2026-03-10T12:00:00Z");

test("sizes", () => {
  assert.equal(size(0, "en"), "0 bytes");
  assert.equal(size(1, "en"), "1 byte");
  assert.equal(size(1499, "en"), "1.5 kB");
  assert.equal(size(25_300_000, "en"), "25 MB");
  assert.equal(size(7_000_000_000_000, "en"), "7,000 GB");
});

test("how long ago", () => {
  assert.equal(ago("2026-03-10T11:59:58Z", NOW, "en"), "2 seconds ago");
  assert.equal(ago("2026-03-10T12:00:03Z", NOW, "en"), "now", "clocks differ; the future is now");
  assert.equal(ago("2026-03-10T09:00:00Z", NOW, "en"), "3 hours ago");
  assert.equal(ago("2026-03-09T11:00:00Z", NOW, "en"), "yesterday");
  assert.equal(ago("2025-01-01T00:00:00Z", NOW, "fr"), "l’année dernière");
  assert.equal(ago("never", NOW, "en"), "never");
});

test("a moment in full, and what is no time as it is", () => {
  assert.match(moment("2026-03-10T12:00:00Z", "en"), /Mar 10, 2026/);
  assert.equal(moment("never", "en"), "never");
});
