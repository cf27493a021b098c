// The official MCP conformance suite for MCP servers, one run after another. Input: url, and runs: each with a revision whose required scenarios
// are run, or with a scenario and the revision that it is run in.
import { once } from 'node:events';

import { input, run, step } from './steps.mjs';
import { readChecks, requiredOfServers, startSuite, withResults } from './suite.mjs';

async function perform({ revision, scenario }) {
  const which = scenario ? ['--scenario', scenario, '--spec-version', revision] : ['--requirements', revision];
  await withResults(async (results) => {
    const suite = startSuite('server', ['--url', input.url, ...which], results);
    let printed = '';
    suite.stdout.on('data', (data) => (printed += data));
    const [status] = await once(suite, 'close');
    const required = scenario ? [scenario] : await requiredOfServers(revision);
    step('checked', { revision, scenario, status, required, checks: await readChecks(results), printed: printed.slice(-4000) });
  });
}

await run(async () => {
  for (const wanted of input.runs) await perform(wanted);
});
