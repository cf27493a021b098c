// The official MCP conformance suite for authorization servers. It prints an authorization URL and waits for the callback; a person in
// Chromium opens it, signs in and allows. Input: issuer, client_id, resource, port, email, password, java_script.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { authorize, newPerson, withBrowser } from './browser.mjs';
import { input, run, step } from './steps.mjs';

const SUITE = fileURLToPath(new URL('node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url));

/** Starts the suite; `report` receives its lines as they come. */
function startSuite(results, report) {
  const options = ['--url', input.issuer, '--client-id', input.client_id, '--resource', input.resource];
  const places = ['--port', String(input.port), '--output-dir', results];
  const suite = spawn(process.execPath, [SUITE, 'authorization', ...options, ...places], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  createInterface({ input: suite.stdout }).on('line', report);
  return suite;
}

/** Every check that the suite wrote down, with the scenario's folder that it lies in. */
async function readChecks(results) {
  const files = await readdir(results, { recursive: true });
  const reports = files.filter((file) => file.endsWith('checks.json')).sort();
  const read = reports.map(async (file) => {
    const checks = JSON.parse(await readFile(join(results, file), 'utf8'));
    return checks.map(({ id, status, errorMessage }) => ({ id, status, message: errorMessage, report: file }));
  });
  return (await Promise.all(read)).flat();
}

/** The person follows what the suite prints, and the suite sees the end of it at its callback. */
async function throughThePages(url) {
  await withBrowser(async (browser) => {
    const person = await newPerson(browser, { javaScript: input.java_script ?? true });
    const seen = await authorize(person.page, url, input);
    await person.page.waitForURL((address) => address.pathname === '/callback');
    step('allowed', {
      asked: Object.fromEntries(new URL(url).searchParams),
      authorization_endpoint: url.split('?')[0],
      signed_in: seen.signed_in,
      complaints: person.complaints,
    });
  });
}

await run(async () => {
  const results = await mkdtemp(join(tmpdir(), 'conformance-'));
  try {
    const visits = [];
    const lines = [];
    const suite = startSuite(results, (line) => {
      lines.push(line);
      if (/^https?:\S+[?&]code_challenge=/.test(line)) visits.push(throughThePages(line));
    });
    const [status] = await once(suite, 'close');
    await Promise.all(visits);
    step('checked', { status, checks: await readChecks(results), printed: lines });
  } finally {
    await rm(results, { recursive: true, force: true });
  }
});
