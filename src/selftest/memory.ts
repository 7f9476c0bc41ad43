/**
 * Probe: is memory that is given back zeros again, and is its neighbours' left alone?
 *
 * The kernel takes memory back by pages, and blocks begin and end where a smaller page would. What is not rounded to
 * the page of this machine (16 KiB on Apple's, where nothing of this was tried) is refused, so an old frame shows in a
 * new queue, or takes a neighbour's bytes with it. So blocks lie side by side, each full of its number, and
 * go one by one.
 *
 * @module
 */
import { type Bench, type Probe, ProbeError } from "./probe.ts";

/** Bytes of a block; from less than a page to many, and not multiples of one of 16 KiB. */
const SIZES = [4096, 12_288, 20_480, 65_536, 4096, 135_168, 8192, 266_240, 4096];
/** Blocks of each size. */
const REPEATS = 3;
/** Numbers are bytes, and 0 is what is looked for. */
const MOST = 255;

/** See the head of this file. */
export const memory: Probe = {
  name: "memory",
  label: "memory given back is zeros when it is taken again, and no other is",
  run(bench) {
    const blocks = takeAll(bench);
    for (const order of [forward, backward, everyOther]) {
      for (const i of order(blocks.length)) renew(bench, blocks, i);
    }
    // And neighbours that are given back together, which then are one.
    for (const { at } of blocks) bench.kernel.arena.give(at);
    const bytes = blocks.reduce((sum, block) => sum + block.bytes, 0);
    const whole = bench.kernel.arena.take(bytes);
    mustBe(bench, { at: whole, bytes, number: 0 }, "taken again in one piece");
    bench.kernel.arena.give(whole);
    return {
      details: `${blocks.length} blocks of ${Math.min(...SIZES)} to ${Math.max(...SIZES)} bytes`,
      figures: { blocks: blocks.length, bytes },
    };
  },
};

interface Block {
  at: number;
  readonly bytes: number;
  readonly number: number;
}

function takeAll(bench: Bench): Block[] {
  const { arena } = bench.kernel, blocks: Block[] = [];
  for (let i = 0; i < REPEATS * SIZES.length; i++) {
    const bytes = SIZES[i % SIZES.length], number = 1 + i % MOST;
    const block = { at: arena.take(bytes), bytes, number };
    mustBe(bench, { ...block, number: 0 }, "taken");
    fill(bench, block);
    blocks.push(block);
  }
  return blocks;
}

/** Give a block back and take one as long. */
function renew(bench: Bench, blocks: readonly Block[], i: number): void {
  const { arena } = bench.kernel, block = blocks[i];
  arena.give(block.at);
  for (const j of [i - 1, i + 1]) {
    if (j in blocks) mustBe(bench, blocks[j], `beside ${block.bytes} bytes that were given back`);
  }
  block.at = arena.take(block.bytes);
  mustBe(bench, { ...block, number: 0 }, "taken again");
  fill(bench, block);
}

function fill({ kernel }: Bench, { at, bytes, number }: Block): void {
  kernel.arena.u8.fill(number, at, at + bytes);
}

function mustBe({ kernel }: Bench, { at, bytes, number }: Block, what: string): void {
  const { u8 } = kernel.arena;
  for (let i = 0; i < bytes; i++) {
    if (u8[at + i] === number) continue;
    throw new ProbeError(
      `byte ${i} of ${bytes} bytes ${what} is ${u8[at + i]} instead of ${number}`,
    );
  }
}

function forward(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function backward(count: number): number[] {
  return forward(count).reverse();
}

function everyOther(count: number): number[] {
  return [
    ...forward(count).filter((i) => i % 2 === 1),
    ...forward(count).filter((i) => i % 2 === 0),
  ];
}
