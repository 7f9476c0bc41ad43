/**
 * A program that stands in for vswitch where the self-test starts it again: it answers every question as it is told.
 *
 * @module
 */

/** What a stand-in has: the question's `name`, and how to answer it. */
const SETTING = `
  const name = Deno.args[Deno.args.indexOf("--only") + 1];
  function answer(ok, details, more = {}) {
    const probe = { name, ok, ms: 1, details, figures: { one: 1 }, ...more };
    console.log(JSON.stringify({ event: "self-test", ok, probes: [probe] }));
    Deno.exit(ok ? 0 : 1);
  }
`;

/**
 * The URL of one.
 *
 * @param script what it does, e.g. `if (name === "full") answer(false, "no way back")`; else it answers that all is fine
 */
export function standIn(script: string): string {
  const text = `${SETTING}\n${script}\nanswer(true, "fine");`;
  return `data:application/javascript,${encodeURIComponent(text)}`;
}

/** Reads where nothing is mapped, as a wrong structure would. */
export const CRASH = `new Deno.UnsafePointerView(Deno.UnsafePointer.create(8n)).getUint8();`;
