// Emoji by their short names. The ones an incident needs are drawn here, so that they look alike on every machine.
import { make, svg } from "./dom.js";

const disc = (fill) => [["circle", { cx: 12, cy: 12, r: 9, fill }]];
const square = (fill) => [["rect", { x: 3, y: 3, width: 18, height: 18, rx: 3, fill }]];
const line = (d, stroke, width = 2.4) => ["path", { d, fill: "none", stroke, "stroke-width": width, "stroke-linecap": "round", "stroke-linejoin": "round" }];
const shape = (d, fill) => ["path", { d, fill }];
const THUMB = "M2.5 10.5h4v10h-4zM8 10.3l4.2-7.6c1.7-.3 2.9 1 2.7 2.7l-.6 3.6h4.9c1.6 0 2.7 1.5 2.3 3l-1.7 6.6c-.3 1.1-1.2 1.9-2.4 1.9H8z";
const DRAWN = {
  "🔴": disc("#d92d20"), "🟠": disc("#f38b1e"), "🟡": disc("#f2c331"), "🟢": disc("#2f9e5b"), "🔵": disc("#2f7de1"),
  "🟣": disc("#8754c9"), "🟤": disc("#8a5a3b"), "⚫": disc("#2b2b2e"),
  "⚪": [["circle", { cx: 12, cy: 12, r: 8.5, fill: "#fff", stroke: "#b9bbc0", "stroke-width": 1.6 }]],
  "🟥": square("#d92d20"), "🟧": square("#f38b1e"), "🟨": square("#f2c331"), "🟩": square("#2f9e5b"), "🟦": square("#2f7de1"),
  "🟪": square("#8754c9"), "⬛": square("#2b2b2e"), "⬜": square("#d8dade"),
  "👍": [shape(THUMB, "#f2b632")],
  "👎": [["path", { d: THUMB, fill: "#f2b632", transform: "rotate(180 12 12)" }]],
  "✅": [["rect", { x: 2.5, y: 2.5, width: 19, height: 19, rx: 4, fill: "#2f9e5b" }], line("M7 12.5l3.5 3.5L17 8.5", "#fff", 2.8)],
  "✔️": [line("M4 13l5 5L20 6", "#2f9e5b", 3)],
  "☑️": [["rect", { x: 2.5, y: 2.5, width: 19, height: 19, rx: 4, fill: "#2f7de1" }], line("M7 12.5l3.5 3.5L17 8.5", "#fff", 2.8)],
  "❌": [line("M5 5l14 14M19 5L5 19", "#d92d20", 3.6)],
  "🚫": [["circle", { cx: 12, cy: 12, r: 8.5, fill: "none", stroke: "#d92d20", "stroke-width": 3 }], line("M6 6l12 12", "#d92d20", 3)],
  "⚠️": [shape("M12 2.8c.7 0 1.3.4 1.6 1l8.6 15.6c.6 1.2-.2 2.6-1.6 2.6H3.4c-1.4 0-2.2-1.4-1.6-2.6L10.4 3.8c.3-.6.9-1 1.6-1z", "#f6b73c"), line("M12 9v5.5", "#3b2a00", 2.4), ["circle", { cx: 12, cy: 18, r: 1.4, fill: "#3b2a00" }]],
  "🚨": [shape("M6 18v-5a6 6 0 0112 0v5z", "#e03e36"), ["rect", { x: 4, y: 18, width: 16, height: 3.5, rx: 1, fill: "#5d6470" }], line("M12 2v2M4.5 5l1.5 1.5M19.5 5L18 6.5M2 12h1.5M20.5 12H22", "#f38b1e", 1.8)],
  "🔥": [shape("M12 2c1 4 6.5 6 6.5 12.5A6.5 6.5 0 0112 22a6.5 6.5 0 01-6.5-7c0-3 1.7-4.5 2.7-6.5.6 1.5 1.3 2 1.3 2C9.5 7 10.8 4 12 2z", "#f0652f"), shape("M12 12c.6 2 3 3 3 5.8A3 3 0 0112 21a3 3 0 01-3-3.2C9 16 11 15 12 12z", "#fbc13a")],
  "👀": [["ellipse", { cx: 7, cy: 12, rx: 5, ry: 7, fill: "#fff", stroke: "#9aa0a8" }], ["ellipse", { cx: 17, cy: 12, rx: 5, ry: 7, fill: "#fff", stroke: "#9aa0a8" }], ["circle", { cx: 8.8, cy: 13, r: 2.5, fill: "#333" }], ["circle", { cx: 18.8, cy: 13, r: 2.5, fill: "#333" }]],
  "🔍": [["circle", { cx: 10, cy: 10, r: 6.5, fill: "#dcebfa", stroke: "#5d6470", "stroke-width": 2.4 }], line("M15 15l6 6", "#8a5a3b", 3.4)],
  "💡": [shape("M12 2a7 7 0 00-4 12.7c.8.6 1.2 1.3 1.2 2.3h5.6c0-1 .4-1.7 1.2-2.3A7 7 0 0012 2z", "#f7cf4d"), ["rect", { x: 9, y: 18, width: 6, height: 4, rx: 1.4, fill: "#8b919b" }]],
  "📈": [["rect", { x: 2, y: 3, width: 20, height: 18, rx: 2, fill: "#eef3f8", stroke: "#b7c2ce" }], line("M5 17l5-5 3 3 6-8", "#d92d20", 2.2)],
  "📉": [["rect", { x: 2, y: 3, width: 20, height: 18, rx: 2, fill: "#eef3f8", stroke: "#b7c2ce" }], line("M5 7l5 5 3-3 6 8", "#2f7de1", 2.2)],
  "📊": [["rect", { x: 2, y: 3, width: 20, height: 18, rx: 2, fill: "#eef3f8", stroke: "#b7c2ce" }], shape("M5 12h3v6H5z", "#2f9e5b"), shape("M10.5 7h3v11h-3z", "#d92d20"), shape("M16 10h3v8h-3z", "#2f7de1")],
  "🚀": [shape("M12 1.5c3.5 3 5 7 4.5 12h-9c-.5-5 1-9 4.5-12z", "#d5dbe3"), ["circle", { cx: 12, cy: 8.5, r: 2, fill: "#2f7de1" }], shape("M7.5 11L4 16l3.5-1zM16.5 11l3.5 5-3.5-1z", "#d92d20"), shape("M10 15h4l-2 7z", "#f38b1e")],
  "🔧": [shape("M21 6.5a5.5 5.5 0 01-7.6 5.1L6 19a2 2 0 11-2.9-2.9l7.4-7.4A5.5 5.5 0 0117.5 3l-3 3 .7 2.8 2.8.7z", "#7d8793")],
  "🔗": [["path", { d: "M10 14a4 4 0 010-5.6l3-3a4 4 0 015.6 5.6l-1.5 1.5M14 10a4 4 0 010 5.6l-3 3A4 4 0 015.4 13l1.5-1.5", fill: "none", stroke: "#6f7a87", "stroke-width": 2.4, "stroke-linecap": "round" }]],
  "ℹ️": [["rect", { x: 2.5, y: 2.5, width: 19, height: 19, rx: 4, fill: "#2f7de1" }], line("M12 11v6", "#fff", 2.6), ["circle", { cx: 12, cy: 7, r: 1.6, fill: "#fff" }]],
  "❓": [line("M8 8a4 4 0 118 0c0 3-4 3-4 6", "#d92d20", 3), ["circle", { cx: 12, cy: 19.5, r: 1.9, fill: "#d92d20" }]],
  "❔": [line("M8 8a4 4 0 118 0c0 3-4 3-4 6", "#8b919b", 3), ["circle", { cx: 12, cy: 19.5, r: 1.9, fill: "#8b919b" }]],
  "❗": [line("M12 3v11", "#d92d20", 3.6), ["circle", { cx: 12, cy: 19.5, r: 2.1, fill: "#d92d20" }]],
  "⏱️": [["circle", { cx: 12, cy: 13.5, r: 8, fill: "#fff", stroke: "#5d6470", "stroke-width": 2 }], line("M12 13.5V9M10 2h4M12 2v3", "#5d6470", 2)],
  "⏳": [shape("M6 2h12v2l-5 8 5 8v2H6v-2l5-8-5-8z", "#d9b779"), line("M5.5 2h13M5.5 22h13", "#8a5a3b", 2)],
  "🕐": [["circle", { cx: 12, cy: 12, r: 9, fill: "#fff", stroke: "#5d6470", "stroke-width": 2 }], line("M12 7v5l3-2", "#5d6470", 2)],
  "📖": [shape("M2 4c4-1 7 0 10 2 3-2 6-3 10-2v15c-4-1-7 0-10 2-3-2-6-3-10-2z", "#3f7fc4"), shape("M4 5.5c3-.5 5.5.3 7.3 1.6v11.5C9 17.5 6.5 17 4 17.4zM20 5.5c-3-.5-5.5.3-7.3 1.6v11.5c2.3-1.1 4.8-1.6 7.3-1.2z", "#fff")],
  "📝": [["rect", { x: 3, y: 2, width: 15, height: 20, rx: 2, fill: "#fff", stroke: "#b7c2ce", "stroke-width": 1.5 }], line("M6 7h9M6 11h9M6 15h5", "#8b919b", 1.5), line("M13 18l7-8", "#f38b1e", 2.8)],
  "📟": [["rect", { x: 2, y: 6, width: 20, height: 13, rx: 2.5, fill: "#4a515b" }], ["rect", { x: 5, y: 9, width: 10, height: 4, rx: 0.8, fill: "#b7e3bd" }], ["circle", { cx: 18.5, cy: 11, r: 1.3, fill: "#d92d20" }]],
  "📌": [["circle", { cx: 14, cy: 8, r: 5.5, fill: "#d92d20" }], line("M10.5 12.5L5 20", "#5d6470", 2)],
  "🔕": [shape("M12 3a6 6 0 00-6 6v5l-2 3h16l-2-3V9a6 6 0 00-6-6zM10 18.5a2 2 0 004 0z", "#e6b73d"), line("M4 4l16 16", "#d92d20", 2.6)],
  "🔔": [shape("M12 3a6 6 0 00-6 6v5l-2 3h16l-2-3V9a6 6 0 00-6-6zM10 18.5a2 2 0 004 0z", "#e6b73d")],
  "🤖": [["rect", { x: 4, y: 7, width: 16, height: 13, rx: 3, fill: "#9fb3c8" }], ["circle", { cx: 9, cy: 13, r: 2, fill: "#fff" }], ["circle", { cx: 15, cy: 13, r: 2, fill: "#fff" }], line("M12 7V3M9 17h6", "#5d6470", 1.8)],
  "🎉": [shape("M3 21l5-13 8 8z", "#f2b632"), line("M14 4l1 3M20 9l-3 1M18 3l-3 5M21 15l-3-1", "#d92d20", 2)],
  "❤️": [shape("M12 21C5 15.5 2 12 2 8a5 5 0 0110-1.5A5 5 0 0122 8c0 4-3 7.5-10 13z", "#d92d20")],
  "⭐": [shape("M12 2l3 6.5 7 .8-5.2 4.7 1.5 7L12 17.5 5.7 21l1.5-7L2 9.3l7-.8z", "#f2b632")],
  "💥": [shape("M12 1l2.5 6L20 4l-2 6 5 2-5 2.5 2 6-5.5-3L12 23l-2.5-5.5-5.5 3 2-6L1 12l5-2-2-6 5.5 3z", "#f0652f")],
  "🐛": [["ellipse", { cx: 12, cy: 14, rx: 5.5, ry: 7.5, fill: "#5aa15f" }], ["circle", { cx: 12, cy: 6, r: 3, fill: "#3f7a45" }], line("M3 9l4 2M21 9l-4 2M2.5 15H6M21.5 15H18M4 21l3-2M20 21l-3-2", "#3f7a45", 1.5)],
  "🔄": [["rect", { x: 2.5, y: 2.5, width: 19, height: 19, rx: 4, fill: "#2f7de1" }], line("M7 11a5 5 0 019-2M17 13a5 5 0 01-9 2M16 5.5V9h-3.5M8 18.5V15h3.5", "#fff", 2)],
  "🙏": [shape("M11.5 3l-4 8L5 20l6.5 2zM12.5 3l4 8L19 20l-6.5 2z", "#f2b632")],
  "⬆️": [["rect", { x: 2.5, y: 2.5, width: 19, height: 19, rx: 4, fill: "#2f7de1" }], line("M12 18V6M7 11l5-5 5 5", "#fff", 2.6)],
  "⬇️": [["rect", { x: 2.5, y: 2.5, width: 19, height: 19, rx: 4, fill: "#2f7de1" }], line("M12 6v12M7 13l5 5 5-5", "#fff", 2.6)],
};

const NAMES = {
  red_circle: "🔴", large_orange_circle: "🟠", orange_circle: "🟠", large_yellow_circle: "🟡", yellow_circle: "🟡", large_green_circle: "🟢", green_circle: "🟢",
  large_blue_circle: "🔵", blue_circle: "🔵", large_purple_circle: "🟣", large_brown_circle: "🟤", black_circle: "⚫", white_circle: "⚪",
  large_red_square: "🟥", large_orange_square: "🟧", large_yellow_square: "🟨", large_green_square: "🟩", large_blue_square: "🟦",
  large_purple_square: "🟪", black_large_square: "⬛", white_large_square: "⬜", thumbsup: "👍", "+1": "👍", thumbsdown: "👎", "-1": "👎",
  white_check_mark: "✅", heavy_check_mark: "✔️", ballot_box_with_check: "☑️", x: "❌", no_entry_sign: "🚫", no_entry: "⛔", warning: "⚠️", rotating_light: "🚨",
  fire: "🔥", eyes: "👀", mag: "🔍", mag_right: "🔍", bulb: "💡", chart_with_upwards_trend: "📈", chart_with_downwards_trend: "📉", bar_chart: "📊",
  rocket: "🚀", wrench: "🔧", hammer_and_wrench: "🔧", link: "🔗", information_source: "ℹ️", question: "❓", exclamation: "❗", stopwatch: "⏱️",
  hourglass: "⏳", hourglass_flowing_sand: "⏳", clock1: "🕐", book: "📖", open_book: "📖", closed_book: "📖", memo: "📝", pencil: "📝", pager: "📟",
  pushpin: "📌", no_bell: "🔕", bell: "🔔", robot_face: "🤖", robot: "🤖", tada: "🎉", heart: "❤️", star: "⭐", boom: "💥", bug: "🐛",
  arrows_counterclockwise: "🔄", repeat: "🔄", pray: "🙏", arrow_up: "⬆️", arrow_down: "⬇️", arrow_right: "➡", arrow_forward: "▶", smile: "😄", slightly_smiling_face: "🙂",
  thinking_face: "🤔", raised_hands: "🙌", clap: "👏", wave: "👋", ok_hand: "👌", muscle: "💪", hourglass_done: "⏳", lock: "🔒", key: "🔑", package: "📦",
  gear: "⚙", ship: "🚢", zap: "⚡", snowflake: "❄", sos: "🆘", speech_balloon: "💬", thread: "🧵", page_facing_up: "📄", clipboard: "📋", calendar: "📅",
  heavy_plus_sign: "➕", heavy_minus_sign: "➖", bust_in_silhouette: "👤", busts_in_silhouette: "👥", mute: "🔇", checkered_flag: "🏁", test_tube: "🧪",
  dart: "🎯", construction: "🚧", recycle: "♻", grey_question: "❔", large_diamond_orange: "🔶", small_blue_diamond: "🔹", point_right: "👉", sparkles: "✨",
  money_with_wings: "💸", moneybag: "💰", floppy_disk: "💾", computer: "💻", cloud: "☁", earth_africa: "🌍", "100": "💯", skull: "💀", sob: "😭", sweat_smile: "😅",
};
const BARE = Object.fromEntries(Object.keys(DRAWN).map((sign) => [sign.replace("\uFE0F", ""), sign]));
const SIGNS = new RegExp(`(${Object.keys(BARE).join("|")})\\uFE0F?`, "u");

function draw(sign, name) {
  return make("span", { class: "emoji", role: "img", "aria-label": name, title: `:${name}:` }, svg(DRAWN[sign], { "aria-hidden": "true" }));
}

// The emoji of a short name, or null when there is none.
export function emoji(name) {
  const base = name.split("::")[0];
  const sign = NAMES[base];
  if (!sign) return null;
  if (DRAWN[sign]) return draw(sign, base);
  return make("span", { class: "emoji-sign", role: "img", "aria-label": base, title: `:${base}:` }, sign);
}

// Text with emoji, by short name and as characters, as nodes.
export function withEmoji(text, { names = true } = {}) {
  const nodes = [];
  for (const part of names ? text.split(/(:[a-z0-9_+'-]+(?:::skin-tone-[2-6])?:)/) : [text]) {
    const found = names && /^:[^:]/.test(part) && part.length > 2 && part.endsWith(":") ? emoji(part.slice(1, -1)) : null;
    if (found) {
      nodes.push(found);
      continue;
    }
    let rest = part;
    let match;
    while ((match = SIGNS.exec(rest))) {
      if (match.index) nodes.push(document.createTextNode(rest.slice(0, match.index)));
      const sign = BARE[match[1]];
      nodes.push(draw(sign, Object.keys(NAMES).find((name) => NAMES[name] === sign) ?? "emoji"));
      rest = rest.slice(match.index + match[0].length);
    }
    if (rest) nodes.push(document.createTextNode(rest));
  }
  return nodes;
}
