/**
 * The host: ComfyUI's front end, as far as we use it. The only module that imports it.
 *
 * Everything is looked for by what it has, never by version; run with front ends 1.35.9 and 1.58.1.
 */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";

/** @typedef {"success" | "info" | "warn" | "error"} Severity */

/** The host's fetch: with its prefix, the user's id and whatever stands in between. */
export const fetchApi = /** @type {import("./api.js").FetchApi} */ ((path, init) => api.fetchApi(path, init));

/** This page's id on the websocket; events about what it asked for come to it in full. @returns {string} */
export function clientId() {
  return api.clientId ?? "";
}

/**
 * Hear of a websocket event.
 *
 * @param {string} name
 * @param {(detail: any) => void} listener
 * @param {AbortSignal} [signal]
 */
export function onEvent(name, listener, signal) {
  api.addEventListener(name, (/** @type {any} */ event) => listener(event.detail), signal ? { signal } : undefined);
}

/** @param {Record<string, unknown>} extension as of `app.registerExtension` */
export function registerExtension(extension) {
  app.registerExtension(extension);
}

/** @param {Record<string, unknown>} tab as of `extensionManager.registerSidebarTab` */
export function registerSidebarTab(tab) {
  app.extensionManager.registerSidebarTab(tab);
}

/** Open a sidebar tab; an open one stays open. @param {string} id */
export function openSidebarTab(id) {
  const tabs = app.extensionManager.sidebarTab;
  if (tabs) tabs.activeSidebarTabId = id;
  else app.extensionManager.command.execute(`Workspace.ToggleSidebarTab.${id}`);
}

/** Open or close a sidebar tab. @param {string} id */
export function toggleSidebarTab(id) {
  app.extensionManager.command.execute(`Workspace.ToggleSidebarTab.${id}`);
}

/**
 * A message that goes by itself.
 *
 * @param {Severity} severity
 * @param {string} summary
 * @param {string} [detail]
 * @param {number} [life] milliseconds
 */
export function toast(severity, summary, detail = "", life = 6000) {
  app.extensionManager.toast.add({ severity, summary, detail, life });
}

/**
 * Ask yes or no; true only for yes.
 *
 * @param {{title: string, message: string, type?: string, itemList?: string[], hint?: string}} question
 * @returns {Promise<boolean>}
 */
export async function confirm(question) {
  return (await app.extensionManager.dialog.confirm(question)) === true;
}

/**
 * Ask for a text; null where it was not given.
 *
 * @param {{title: string, message: string, defaultValue?: string}} question
 * @returns {Promise<string | null>}
 */
export async function prompt(question) {
  return app.extensionManager.dialog.prompt(question);
}

/** A setting of the host or of ours; undefined where there is none. @param {string} id @returns {unknown} */
export function setting(id) {
  return app.extensionManager.setting.get(id);
}

/** The language the front end is set to, such as "en". @returns {string} */
export function locale() {
  return String(setting("Comfy.Locale") ?? "en");
}

/** The open workflow as the page saves it. @returns {Record<string, any>} */
export function workflow() {
  return app.graph.serialize();
}

/** Have the browser save a file. @param {Blob} content @param {string} name */
export function saveFile(content, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // The browser reads it after this turn.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/**
 * The node types that the open workflow has and this page does not know, in order, each once; those in subgraphs too.
 *
 * @returns {string[]}
 */
export function missingTypes() {
  const types = new Set();
  for (const node of allNodes(app.rootGraph ?? app.graph)) if (isMissing(node)) types.add(String(node.type));
  return [...types].sort();
}

/**
 * What is known of a node of the canvas without asking the server.
 *
 * @param {any} node
 * @returns {import("./model/menu.js").NodeHere}
 */
export function nodeHere(node) {
  const properties = Object.fromEntries(
    ["cnr_id", "aux_id", "ver"].filter((name) => node.properties?.[name]).map((name) => [name, node.properties[name]]),
  );
  const module = String(node.constructor?.nodeData?.python_module ?? "");
  return { type: String(node.type ?? ""), module, missing: isMissing(node), properties };
}

/** The one node that is selected, or null. @returns {import("./model/menu.js").NodeHere | null} */
export function selectedNode() {
  const chosen = Object.values(app.canvas?.selected_nodes ?? {});
  return chosen.length === 1 ? nodeHere(chosen[0]) : null;
}

/** Read the node types anew, without loading the page. */
export async function refreshNodeTypes() {
  await app.refreshComboInNodes();
}

/** @param {any} graph @returns {any[]} */
function allNodes(graph) {
  const subgraphs = [...(graph?.subgraphs?.values?.() ?? [])];
  return [graph, ...subgraphs].flatMap((each) => each?.nodes ?? each?._nodes ?? []);
}

/** A red node: one whose type nobody registered. @param {any} node */
function isMissing(node) {
  const registered = /** @type {any} */ (window).LiteGraph?.registered_node_types ?? {};
  return Boolean(node.has_errors) && node.type !== undefined && !(node.type in registered);
}

/** Whether anybody can see the page. */
export function isVisible() {
  return document.visibilityState !== "hidden";
}

/** Hear when the page can be seen again. @param {() => void} listener */
export function onVisible(listener) {
  document.addEventListener("visibilitychange", () => isVisible() && listener());
}

/**
 * Put a number on our tab; null takes it away. The host looks at a tab's badge when the tab changes, not when a
 * function of ours would answer otherwise (1.35.9 and 1.58.1).
 *
 * @param {string} id of the tab
 * @param {string | null} text
 */
export function setBadge(id, text) {
  const tab = app.extensionManager.getSidebarTabs().find((each) => each.id === id);
  if (tab) tab.iconBadge = text ?? "";
}

/** The address of one of our own files. @param {string} path below js/ @returns {string} */
export function addressOf(path) {
  return new URL(path, import.meta.url).href;
}

/** Open one of our own pages in a tab of the browser. @param {string} path below js/ */
export function openPage(path) {
  window.open(addressOf(path), "_blank", "noopener");
}

/** Load the page again. */
export function reloadPage() {
  window.location.reload();
}

/** Keep a text in this tab, over reloads of its page. @param {string} key @param {string} text */
export function remember(key, text) {
  try {
    sessionStorage.setItem(key, text);
  } catch {
    // Storage that is full or forbidden: then it is forgotten.
  }
}

/** The text that was kept so; empty where there is none. @param {string} key */
export function remembered(key) {
  try {
    return sessionStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}

/** Whether the host's colours are light: by the menu's background, which every palette sets. @returns {boolean} */
export function isLight() {
  const colour = getComputedStyle(document.documentElement).getPropertyValue("--comfy-menu-bg").trim();
  const probe = document.createElement("canvas").getContext("2d");
  if (!probe || !colour) return false;
  // The canvas turns every way of writing a colour into one.
  probe.fillStyle = colour;
  probe.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = probe.getImageData(0, 0, 1, 1).data;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 128;
}

/**
 * Hear of another colour palette: the host writes its colours into the page's root, and marks the body.
 *
 * @param {() => void} listener
 * @param {AbortSignal} signal
 */
export function onTheme(listener, signal) {
  const observer = new MutationObserver(listener);
  for (const element of [document.documentElement, document.body]) {
    observer.observe(element, { attributes: true, attributeFilter: ["style", "class"] });
  }
  signal.addEventListener("abort", () => observer.disconnect(), { once: true });
}
