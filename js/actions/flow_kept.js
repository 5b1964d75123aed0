/** What was being collected, planned or done, over a reload of this tab's page. What was allowed or agreed to is asked again. */

/** @typedef {import("./flow.js").Flow} Flow */
/** @typedef {Pick<import("../ports.js").Host, "remember" | "remembered">} Memory */
/** @typedef {Pick<Flow, "step" | "text" | "basket" | "order" | "prefer" | "policy" | "job">} Kept */

const KEY = "SafeInstall.Flow";

/** Keep it from now on, whenever it changes. @param {import("../ports.js").Ports} ports */
export function keepFlow({ store, host }) {
  let { flow: last } = store.value;
  store.subscribe(({ flow }) => {
    if (flow === last) return;
    last = flow;
    const { step, text, basket, order, prefer, policy, job } = flow;
    host.remember(KEY, JSON.stringify({ step, text, basket, order, prefer, policy, job }));
  });
}

/**
 * What the page that was here before had kept; null where there was none, or another version of us kept something else.
 *
 * @param {Memory} memory
 * @returns {Kept | null}
 */
export function keptFlow(memory) {
  try {
    const kept = JSON.parse(memory.remembered(KEY));
    const whole =
      [kept.step, kept.text, kept.policy, kept.job].every((each) => typeof each === "string") &&
      areItems(kept.basket) &&
      typeof kept.prefer === "object" && kept.prefer !== null &&
      (kept.order === null || (typeof kept.order.title === "string" && areTasks(kept.order.tasks)));
    return whole ? kept : null;
  } catch {
    return null;
  }
}

/** @param {unknown} basket */
function areItems(basket) {
  return Array.isArray(basket) && basket.every(({ key, name, task }) => key && name && areTasks([task]));
}

/** @param {unknown} tasks */
function areTasks(tasks) {
  return Array.isArray(tasks) && tasks.every(({ kind, params }) => typeof kind === "string" && params instanceof Object);
}
