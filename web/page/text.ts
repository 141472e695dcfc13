// Numbers and times as they are printed.
const kMinus = "\u2212";

/** .279, as papers print a share of one: three digits, no leading zero. */
export function share(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "\u2013";
  const text = Math.abs(value).toFixed(3);
  const short = text.startsWith("0") ? text.slice(1) : text;
  return value < 0 && Number(text) !== 0 ? kMinus + short : short;
}

/** +.012, for differences. */
export function signed(value: number | null | undefined): string {
  const text = share(value);
  return typeof value === "number" && value > 0 ? `+${text}` : text;
}

export function count(value: number): string {
  return value.toLocaleString("en").replaceAll(",", "\u2009");
}

/** "1 config", "2 configs". */
export const counted = (n: number, of: string) => `${count(n)} ${of}${n === 1 ? "" : "s"}`;

/** 45 s, 12 min, 3 h 20 min, 2 d 4 h. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "\u2013";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

/** With seconds, of this browser's time zone. */
export function moment(ms: number): string {
  const seconds = String(new Date(ms).getSeconds()).padStart(2, "0");
  return `${time(ms)}:${seconds}`;
}

export function time(ms: number | null | undefined): string {
  if (!ms) return "\u2013";
  const at = new Date(ms);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** Of a column: this year goes without saying. */
export function shortTime(ms: number): string {
  const text = time(ms);
  return new Date(ms).getFullYear() === new Date().getFullYear() ? text.slice(5) : text;
}

export function bytes(value: number): string {
  if (!value) return "\u2013";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024;
    ++at;
  }
  return `${value < 10 && at > 0 ? value.toFixed(1) : Math.round(value)} ${units[at]}`;
}

/** An axis value of any JSON type, as people read it. */
export function valueText(value: unknown): string {
  if (value === null || value === undefined) return "\u2013";
  if (Array.isArray(value)) return value.map(valueText).join(" + ");
  if (typeof value === "object") return JSON.stringify(value);
  return String(value);
}

/** At most `most` characters: the middle gives way, as names differ at their ends. */
export function middle(text: string, most: number): string {
  const characters = [...text];
  if (characters.length <= most) return text;
  const before = Math.ceil((most - 1) / 2);
  return `${characters.slice(0, before).join("").trimEnd()}\u2026${characters.slice(characters.length - (most - 1 - before)).join("").trimStart()}`;
}
