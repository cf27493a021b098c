// The official MCP conformance suite for authorization servers. It prints an authorization URL and waits for the callback; a person in
// Chromium opens it, signs in and allows. Input: issuer, client_id, resource, port, email, password, java_script.
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { authorize, newPerson, withBrowser } from './browser.mjs';
import { input, run, step } from './steps.mjs';
import { readChecks, startSuite, withResults } from './suite.mjs';

/** Starts the suite; `report` receives its lines as they come. */
function startAuthorization(results, report) {
  const options = ['--url', input.issuer, '--client-id', input.client_id, '--resource', input.resource];
  const suite = startSuite('authorization', [...options, '--port', String(input.port)], results);
  createInterface({ input: suite.stdout }).on('line', report);
  return suite;
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

await run(() =>
  withResults(async (results) => {
    const visits = [];
    const lines = [];
    const suite = startAuthorization(results, (line) => {
      lines.push(line);
      if (/^https?:\S+[?&]code_challenge=/.test(line)) visits.push(throughThePages(line));
    });
    const [status] = await once(suite, 'close');
    await Promise.all(visits);
    step('checked', { status, checks: await readChecks(results), printed: lines });
  }),
);
