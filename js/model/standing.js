/** What is to be said over all tabs: one notice for each thing that is not as it should be. Pure; words are the component's. */

/** @typedef {import("../wire.js").Status} Status */
/** @typedef {import("../wire.js").Fault} Fault */
/** @typedef {import("../wire.js").Finding} Finding */
/** @typedef {import("../wire.js").Drifted} Drifted */
/** @typedef {import("../wire.js").TakenBack} TakenBack */
/** @typedef {import("../wire.js").WaitingChange} WaitingChange */

/** @typedef {"good" | "info" | "warn" | "bad"} Tone */

/**
 * What may follow from a notice: an act, and the word on its button.
 * @typedef {{act: string, detail?: Record<string, unknown>, word: Deed, primary?: boolean, denied?: string}} Offer
 */

/** @typedef {"again" | "restart" | "force" | "reload" | "keep" | "history" | "give-up" | "hide" | "not-now"} Deed */

/**
 * @typedef {object} Notice
 * @property {"offline" | "restarting" | "slow-restart" | "connecting" | "unfinished" | "elsewhere" | "other-window" | "healed"
 *   | "waiting" | "restart-refused" | "restart-due" | "page-old" | "reload-due" | "drift" | "trouble" | "permits"} id
 * @property {Tone} tone
 * @property {boolean} counts whether it is counted among what needs the user
 * @property {Record<string, string | number>} values for its words
 * @property {readonly Offer[]} offers
 * @property {readonly Waiting[]} [waiting]
 * @property {readonly string[]} [lines] what belongs to it, in the server's words
 * @property {readonly string[]} [hints] what can be done, in the server's words
 * @property {Readonly<Record<string, string>>} [named] {code: words}
 */

/** @typedef {{id: string, operation: string, since: string, why: string, said: string, offer: Offer}} Waiting */

/**
 * What it is made from. `clientId`: this page's; `start`: the start of ComfyUI that this page was loaded from.
 *
 * @typedef {object} Given
 * @property {import("../state.js").Connection} connection
 * @property {{value: Status | null, phase: string, fault: Fault | null}} status
 * @property {import("../actions/standing.js").Standing} standing
 * @property {Readonly<Record<string, {id: string, client_id?: string}>>} jobs
 */

/** Milliseconds after which a restart takes longer than one expects. */
export const SLOW = 60_000;

/**
 * The notices, most pressing first.
 *
 * @param {Given} given
 * @param {number} now milliseconds since 1970
 * @returns {Notice[]}
 */
export function notices(given, now) {
  const { connection, status, standing } = given;
  const known = status.value;
  if (connection === "offline") return [notice("offline", "bad", { offers: [offer("standing.refresh", "again")] })];
  if (connection === "restarting") {
    return [notice(now - standing.since > SLOW ? "slow-restart" : "restarting", "info")];
  }
  if (known === null) return status.fault ? [] : [notice("connecting", "info")];
  const all = [
    ...unfinished(known),
    ...elsewhere(given, known),
    ...healed(known),
    ...restarts(known, standing),
    ...waiting(known),
    ...drift(standing.drift.value),
    ...trouble(known, standing),
    ...permits(known),
  ];
  return all.filter((each) => !standing.hidden.includes(hidingKey(each)));
}

/** By what a notice is remembered that was put away: the same one said of something else comes again. @param {Notice} each */
export function hidingKey({ id, values }) {
  return `${id} ${values.key ?? ""}`;
}

/** Whether a change is under way here or elsewhere. @param {Status} known */
function atWork(known) {
  return known.busy || known.owner !== null;
}

/** @param {Status} known */
function unfinished(known) {
  // What runs at this moment is unfinished as well.
  if (known.unfinished.length === 0 || atWork(known)) return [];
  return [notice("unfinished", "bad", { counts: true, values: { count: known.unfinished.length }, offers: [restart(known, true)] })];
}

/** @param {Given} given @param {Status} known */
function elsewhere({ jobs, standing }, known) {
  const others = known.jobs.filter(({ id }) => {
    const whose = jobs[id]?.client_id;
    return whose === undefined || whose !== standing.clientId;
  });
  const said = others.map((job) =>
    notice("other-window", "info", { values: { kind: job.kind, stage: job.stage?.text ?? "" } }),
  );
  if (known.owner === null) return said;
  const { pid, operation, since } = known.owner;
  return [notice("elsewhere", "info", { values: { pid, operation, since } }), ...said];
}

/** @param {Status} known */
function healed(known) {
  const told = known.starts?.notice;
  if (!told) return [];
  const last = known.starts?.healings[0];
  const about = last && told.message.includes(last.transaction) ? last : undefined;
  const key = `${told.code} ${about?.transaction ?? told.message}`;
  return [
    notice("healed", "warn", {
      counts: true,
      values: { key, message: told.message, at: about?.at ?? "" },
      lines: about ? [about.message].filter(Boolean) : [],
      hints: told.hints.map(({ text }) => text),
      offers: [offer("standing.hide", "hide", { key: `healed ${key}` })],
    }),
  ];
}

/** @param {Status} known @param {import("../actions/standing.js").Standing} standing */
function restarts(known, { restart: asked, pageOld }) {
  /** @type {Notice[]} */
  const said = [];
  if (asked.fault) {
    const may = asked.fault.code === "restart-while-busy";
    said.push(
      notice("restart-refused", "warn", {
        values: { message: asked.fault.message },
        hints: may ? [] : (asked.fault.hints ?? []).map(({ text }) => text),
        offers: [
          ...(may ? [offer("standing.restart", "force", { force: true })] : []),
          offer("standing.forgetRestart", "not-now"),
        ],
      }),
    );
  } else if (known.restart === "restart") {
    said.push(notice("restart-due", "warn", { counts: true, offers: [restart(known, true)] }));
  }
  if (pageOld && known.restart !== "restart") {
    const id = pageOld === "restarted" ? "page-old" : "reload-due";
    said.push(notice(id, "info", { counts: true, offers: [offer("standing.reload", "reload", {}, true)] }));
  }
  return said;
}

/** @param {Status} known */
function waiting(known) {
  if (known.waiting.length === 0) return [];
  const denied = known.permits["cancel-waiting"];
  const each = known.waiting.map((change) => ({
    id: change.id,
    operation: change.operation,
    since: change.since,
    why: change.why,
    said: change.said,
    offer: { ...offer("standing.giveUp", "give-up", { id: change.id }), ...(denied ? { denied } : {}) },
  }));
  // Where a restart is due anyway, its button is there already.
  const offers = known.restart === "restart" ? [] : [restart(known, false)];
  return [notice("waiting", "info", { counts: true, values: { count: each.length }, waiting: each, offers })];
}

/** @param {Drifted | null} found */
function drift(found) {
  if (!found?.new) return [];
  const items = found.items.filter(({ minor }) => minor !== true);
  if (items.length === 0) return [];
  const key = `${found.since} ${items.map(({ code, name, to }) => `${code} ${name} ${to}`).join()}`;
  return [
    notice("drift", "warn", {
      counts: true,
      values: { count: items.length, since: found.since, key },
      lines: items.map(({ message, name }) => String(message || name)),
      hints: found.hints.map(({ text }) => text),
      offers: [
        offer("standing.keep", "keep", {}, true),
        offer("panel.show", "history", { view: "history" }),
        offer("standing.hide", "hide", { key: `drift ${key}` }),
      ],
    }),
  ];
}

/** @param {Status} known @param {import("../actions/standing.js").Standing} standing */
function trouble(known, standing) {
  const faults = [...known.trouble, ...[standing.drift.fault, standing.known.fault].filter((each) => each !== null)];
  if (faults.length === 0) return [];
  return [
    notice("trouble", "warn", {
      counts: known.trouble.length > 0,
      values: { count: faults.length },
      lines: faults.map(({ message }) => message),
      hints: [...new Set(faults.flatMap(({ hints }) => (hints ?? []).map(({ text }) => text)))],
      offers: [offer("standing.refresh", "again")],
    }),
  ];
}

/** @param {Status} known */
function permits({ permits: denied }) {
  const count = Object.keys(denied).length;
  return count === 0 ? [] : [notice("permits", "info", { values: { count }, named: denied })];
}

/** @param {Status} known @param {boolean} primary @returns {Offer} */
function restart({ permits: { restart: denied } }, primary) {
  return { ...offer("standing.restart", "restart", {}, primary), ...(denied ? { denied } : {}) };
}

/** @param {string} act @param {Deed} word @param {Record<string, unknown>} [detail] @param {boolean} [primary] @returns {Offer} */
function offer(act, word, detail = {}, primary = false) {
  return { act, word, detail, primary };
}

/** @param {Notice["id"]} id @param {Tone} tone @param {Partial<Notice>} [more] @returns {Notice} */
function notice(id, tone, more = {}) {
  return { id, tone, counts: false, values: {}, offers: [], ...more };
}
