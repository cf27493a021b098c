// How a script speaks with the test that started it: its input is one JSON argument, each step is one JSON line out, and a line in lets
// it go on. An uncaught error is a step too, so that the test can show it.
import { createInterface } from 'node:readline';

export const input = JSON.parse(process.argv[2] ?? '{}');

export function step(name, details = {}) {
  process.stdout.write(`${JSON.stringify({ step: name, ...details })}\n`);
}

/** Tells the test that it is its turn, and waits until it answers. */
export async function handOver(name, details = {}) {
  const lines = createInterface({ input: process.stdin });
  const answered = new Promise((resolve, reject) => {
    lines.once('line', resolve);
    lines.once('close', () => reject(new Error(`nobody answered ${name}`)));
  });
  step(name, details);
  try {
    return await answered;
  } finally {
    lines.close();
    process.stdin.unref?.();
  }
}

export async function run(main) {
  try {
    await main();
    step('done');
    process.exit(0);
  } catch (error) {
    step('error', { message: String(error?.stack ?? error), cause: error?.cause ? String(error.cause) : undefined });
    process.exit(1);
  }
}
