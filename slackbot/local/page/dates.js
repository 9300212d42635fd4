// Dates as the reader sees them: in the time zone of the person the page is read as.

let zone = "UTC";

export function setZone(name) {
  zone = name;
}

function format(seconds, options) {
  return new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }).format(new Date(seconds * 1000));
}

const day = (seconds) => format(seconds, { year: "numeric", month: "2-digit", day: "2-digit" });

export const time = (seconds) => format(seconds, { hour: "2-digit", minute: "2-digit", hour12: false });
export const moment = (seconds) => `${format(seconds, { weekday: "long", day: "numeric", month: "long", year: "numeric" })}, ${time(seconds)} (${zone})`;

export function dayName(seconds) {
  const now = Date.now() / 1000;
  if (day(seconds) === day(now)) return "Today";
  if (day(seconds) === day(now - 86400)) return "Yesterday";
  return format(seconds, { weekday: "long", day: "numeric", month: "long" });
}

export function ago(seconds) {
  const past = Math.max(0, Date.now() / 1000 - seconds);
  const [count, unit] = past < 60 ? [0, ""] : past < 3600 ? [past / 60, "minute"] : past < 86400 ? [past / 3600, "hour"] : [past / 86400, "day"];
  const whole = Math.floor(count);
  return unit ? `${whole} ${unit}${whole === 1 ? "" : "s"} ago` : "just now";
}

// Slack's <!date^…> tokens.
export function dateText(seconds, pattern) {
  const long = { weekday: "long", day: "numeric", month: "long", year: "numeric" };
  const pretty = (text) => (["Today", "Yesterday"].includes(dayName(seconds)) ? dayName(seconds).toLowerCase() : text);
  const tokens = {
    date_num: () => format(seconds, { year: "numeric" }) + "-" + format(seconds, { month: "2-digit" }) + "-" + format(seconds, { day: "2-digit" }),
    date_slash: () => day(seconds),
    date: () => format(seconds, { day: "numeric", month: "long", year: "numeric" }),
    date_pretty: () => pretty(format(seconds, { day: "numeric", month: "long", year: "numeric" })),
    date_short: () => format(seconds, { day: "numeric", month: "short", year: "numeric" }),
    date_short_pretty: () => pretty(format(seconds, { day: "numeric", month: "short", year: "numeric" })),
    date_long: () => format(seconds, long),
    date_long_pretty: () => pretty(format(seconds, long)),
    date_long_full: () => format(seconds, long),
    day_divider_pretty: () => dayName(seconds),
    time: () => time(seconds),
    time_secs: () => format(seconds, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }),
    ago: () => ago(seconds),
  };
  return pattern.replace(/\{(\w+)\}/g, (whole, name) => tokens[name]?.() ?? whole);
}
