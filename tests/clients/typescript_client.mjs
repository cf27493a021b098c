// The main job of a person with an MCP client: discover, register, sign in, call tools, refresh, step up, and lose access when the grant
// is revoked. Input: mcp_url, email, password, event, sdk (client or sdk), mode (of version negotiation), java_script.
import { allowMore, authorize, newPerson, withBrowser } from './browser.mjs';
import { MemoryProvider } from './memory_provider.mjs';
import { loadSdk } from './sdk.mjs';
import { handOver, input, run, step } from './steps.mjs';

const sdk = await loadSdk(input.sdk ?? 'client', input.mode ?? 'auto');

const REVOCATION_DEADLINE_MILLISECONDS = 5_000;
const REVOCATION_POLL_MILLISECONDS = 100;

/** What the SDK sent and got, without bodies and without credentials. */
const exchanges = [];
async function recordingFetch(resource, init) {
  const response = await fetch(resource, init);
  exchanges.push({
    method: init?.method ?? 'GET',
    url: String(resource?.url ?? resource),
    status: response.status,
    challenge: response.headers.get('www-authenticate') ?? undefined,
  });
  return response;
}
const takeExchanges = () => exchanges.splice(0);

const newTransport = (provider) =>
  sdk.newTransport(new URL(input.mcp_url), { authProvider: provider, fetch: recordingFetch });

/** Runs a request that must end in a redirect of the person. */
async function mustRedirect(request) {
  try {
    await request();
  } catch (error) {
    if (error instanceof sdk.UnauthorizedError) return;
    throw error;
  }
  throw new Error('the request went through although a person should have been asked');
}

/** The person follows the authorization URL, and the transport redeems what the browser brought back. */
async function throughTheBrowser(name, provider, transport, person) {
  const url = new URL(provider.authorizationUrl);
  const [seen, parameters] = await Promise.all([
    authorize(person.page, url.href, input),
    provider.callbackParameters(),
  ]);
  await sdk.finishAuth(transport, parameters);
  step(name, {
    asked: Object.fromEntries(url.searchParams),
    came_back_with: [...parameters.keys()].sort(),
    iss: parameters.get('iss'),
    signed_in: seen.signed_in,
    consent_text: seen.consent_text,
    granted_scope: provider.tokens().scope,
    token_type: provider.tokens().token_type,
    expires_in: provider.tokens().expires_in,
    has_refresh_token: Boolean(provider.tokens().refresh_token),
  });
}

async function connect(provider, person) {
  const first = newTransport(provider);
  await mustRedirect(() => sdk.newClient().connect(first));
  step('discovered', { exchanges: takeExchanges(), client_id: provider.clientInformation().client_id });
  await throughTheBrowser('authorized', provider, first, person);
  takeExchanges();

  const client = sdk.newClient();
  const transport = newTransport(provider);
  await client.connect(transport);
  step('connected', { server: client.getServerVersion()?.name, exchanges: takeExchanges() });
  return { client, transport };
}

async function callTools(client) {
  const { tools } = await client.listTools();
  step('tools', { names: tools.map((tool) => tool.name).sort() });
  step('whoami', { result: await client.callTool({ name: 'whoami', arguments: {} }) });
  step('events', { result: await client.callTool({ name: 'list_events', arguments: {} }) });
}

/** Spoils the access token, as time would: the SDK is answered 401, refreshes and repeats the call by itself. */
async function refresh(client, provider) {
  const before = provider.tokens();
  takeExchanges();
  provider.saveTokens({ ...before, access_token: `${before.access_token.slice(0, -6)}AAAAAA` });
  const result = await client.callTool({ name: 'whoami', arguments: {} });
  const after = provider.tokens();
  step('refreshed', {
    result,
    rotated: after.refresh_token !== before.refresh_token,
    fresh_access_token: after.access_token !== before.access_token,
    granted_scope: after.scope,
    exchanges: takeExchanges(),
  });
}

const createEvent = (client) => client.callTool({ name: 'create_event', arguments: input.event });

async function stepUp(client, transport, provider, person) {
  takeExchanges();
  await mustRedirect(() => createEvent(client));
  step('insufficient_scope', { exchanges: takeExchanges() });
  await throughTheBrowser('stepped_up', provider, transport, person);
}

/** The first SDK has a refresh token, so all it does about a missing scope is to refresh: the person gets a link, and opens it. */
async function stepUpByLink(client, provider, person) {
  takeExchanges();
  const refused = await createEvent(client);
  step('insufficient_scope', { exchanges: takeExchanges(), refused });
  const link = refused.content[0].text.match(/https?:\S+/)[0];
  const seen = await allowMore(person.page, link, input);
  step('allowed_more', { link, ...seen });
  step('called_again', { result: await createEvent(client), exchanges: takeExchanges() });
  step('stepped_up', { granted_scope: provider.tokens().scope });
}

async function callWhatNeedsMore(client) {
  step('created', { result: await createEvent(client) });
  step('events_after', { result: await client.callTool({ name: 'list_events', arguments: {} }) });
}

async function loseAccess(client, provider) {
  const { access_token } = provider.tokens();
  await handOver('revoke_now');
  const started = Date.now();
  let status;
  while (status !== 401 && Date.now() - started < REVOCATION_DEADLINE_MILLISECONDS) {
    status = (await postToolsList(access_token)).status;
    await new Promise((resolve) => setTimeout(resolve, REVOCATION_POLL_MILLISECONDS));
  }
  step('revoked', { status, milliseconds: Date.now() - started });
  takeExchanges();
  await mustRedirect(() => client.callTool({ name: 'whoami', arguments: {} }));
  step('asked_to_authorize_again', { exchanges: takeExchanges(), keeps_client: Boolean(provider.clientInformation()) });
}

function postToolsList(token) {
  return fetch(input.mcp_url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }),
  });
}

await run(() =>
  withBrowser(async (browser) => {
    const person = await newPerson(browser, { javaScript: input.java_script ?? true });
    const provider = await MemoryProvider.start('TypeScript test client');
    const { client, transport } = await connect(provider, person);
    await callTools(client);
    await refresh(client, provider);
    if (input.sdk === 'sdk') await stepUpByLink(client, provider, person);
    else await stepUp(client, transport, provider, person);
    await callWhatNeedsMore(client);
    await loseAccess(client, provider);
    step('browser', { complaints: person.complaints });
    provider.stop();
  }),
);
