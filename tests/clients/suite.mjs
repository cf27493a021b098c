// The official MCP conformance suite as a process, and what it wrote down.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('node_modules/@modelcontextprotocol/conformance/', import.meta.url));

/** Starts one of the suite's commands; its lines are on `stdout`. */
export function startSuite(command, options, results) {
  const suite = join(FOLDER, 'dist', 'index.js');
  return spawn(process.execPath, [suite, command, ...options, '--output-dir', results], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Gives `use` an empty folder for results. */
export async function withResults(use) {
  const results = await mkdtemp(join(tmpdir(), 'conformance-'));
  try {
    return await use(results);
  } finally {
    await rm(results, { recursive: true, force: true });
  }
}

/** Every check that the suite wrote down, with the scenario's folder that it lies in. */
export async function readChecks(results) {
  const files = await readdir(results, { recursive: true });
  const reports = files.filter((file) => file.endsWith('checks.json')).sort();
  const read = reports.map(async (file) => {
    const checks = JSON.parse(await readFile(join(results, file), 'utf8'));
    return checks.map(({ id, status, errorMessage }) => ({ id, status, message: errorMessage, report: dirname(file) }));
  });
  return (await Promise.all(read)).flat();
}

/** The scenarios that a revision requires of a server, as the suite froze them. */
export async function requiredOfServers(revision) {
  const text = await readFile(join(FOLDER, 'requirements', `${revision}.yaml`), 'utf8');
  const [, list] = text.match(/^server:\n((?: {2}- \S+\n)+)/m);
  return list.trim().split('\n').map((line) => line.replace(/^ *- /, ''));
}
