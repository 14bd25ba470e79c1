// What the runtime's process costs, where the system tells (/proc).
import { readdirSync, readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100;

/** Fields of /proc/PID/stat after the name. */
const fields = (pid) => readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "").split(" ");

/** The newest workerd that this process started. */
export function workerd() {
  const numbers = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const mine = numbers.filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("workerd") && Number(fields(pid)[1]) === process.pid;
    } catch {
      return false;
    }
  });
  return Math.max(...mine.map(Number));
}

/** Processor time so far, in milliseconds. */
export function cpuMs(pid) {
  const found = fields(pid);
  return ((Number(found[11]) + Number(found[12])) * 1000) / TICKS_PER_SECOND;
}

/** Resident memory, in bytes. */
export const residentBytes = (pid) => Number(fields(pid)[21]) * 4096;
