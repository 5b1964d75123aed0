/** Every element of ours, made known to the page. */

import { register as fault } from "./components/fault.js";
import { register as flow } from "./components/flow.js";
import { register as history } from "./components/history.js";
import { register as map } from "./components/map.js";
import { register as missing } from "./components/missing.js";
import { register as packs } from "./components/packs.js";
import { register as panel } from "./components/panel.js";
import { register as progress } from "./components/progress.js";
import { register as standing } from "./components/standing.js";

/** Have the page know them. */
export function registerElements() {
  for (const register of [fault, flow, history, map, missing, packs, progress, standing, panel]) register();
}
