// A page of another origin is the client: everything it does it does with fetch, in Chromium, where CORS is enforced. The page is served by
// the test itself. Input: mcp_url, page_origin, foreign_origin, email, password, event.
import { authorize, newPerson, withBrowser } from './browser.mjs';
import { handOver, input, run, step } from './steps.mjs';

const CALLBACK = `${input.page_origin}/callback`;

/** Serves the same empty page for whatever is asked of these origins. */
async function servePages(context) {
  for (const origin of [input.page_origin, input.foreign_origin]) {
    await context.route(`${origin}/**`, (route) =>
      route.fulfill({ contentType: 'text/html', body: '<!doctype html><html lang="en"><title>A client</title>' }),
    );
  }
}

/** Runs in the page: one fetch, and what a page may read of its answer. */
async function fetchInPage({ url, method, headers, body }) {
  const response = await fetch(url, { method, headers, body, credentials: 'omit' });
  const text = await response.text();
  const readable = ['www-authenticate', 'x-ratelimit-remaining', 'ratelimit'];
  return {
    status: response.status,
    headers: Object.fromEntries(readable.map((name) => [name, response.headers.get(name)])),
    body: text.startsWith('{') ? JSON.parse(text) : text,
  };
}

/** Runs in the page: PKCE with what browsers bring. */
async function newChallenge() {
  const encode = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  const verifier = encode(crypto.getRandomValues(new Uint8Array(32)));
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  return { verifier, challenge: encode(new Uint8Array(digest)) };
}

class PageClient {
  constructor(page) {
    this.page = page;
    this.tokens = {};
  }

  fetch(url, { method = 'GET', headers = {}, body } = {}) {
    return this.page.evaluate(fetchInPage, { url, method, headers, body });
  }

  mcp(method, params = {}, token = this.tokens.access_token) {
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    headers['mcp-protocol-version'] = '2025-11-25';
    if (token) headers.authorization = `Bearer ${token}`;
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
    return this.fetch(input.mcp_url, { method: 'POST', headers, body });
  }

  call(name, args = {}) {
    return this.mcp('tools/call', { name, arguments: args });
  }

  async discover() {
    const refused = await this.mcp('tools/list');
    const challenge = refused.headers['www-authenticate'];
    const resource = (await this.fetch(challenge.match(/resource_metadata="([^"]*)"/)[1])).body;
    const issuer = resource.authorization_servers[0];
    this.resource = resource.resource;
    this.metadata = (await this.fetch(`${issuer}/.well-known/oauth-authorization-server`)).body;
    this.scope = challenge.match(/scope="([^"]*)"/)[1];
    step('discovered', { status: refused.status, challenge, resource: this.resource, issuer: this.metadata.issuer });
  }

  async register() {
    const document = { client_name: 'A page', redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none' };
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ ...document, grant_types: ['authorization_code', 'refresh_token'] });
    const registered = await this.fetch(this.metadata.registration_endpoint, { method: 'POST', headers, body });
    this.clientId = registered.body.client_id;
    step('registered', { status: registered.status, client_id: this.clientId });
  }

  /** The person leaves the page, decides, and comes back to it with a code. */
  async authorize(name, scope) {
    const { verifier, challenge } = await this.page.evaluate(newChallenge);
    const url = new URL(this.metadata.authorization_endpoint);
    const parameters = { response_type: 'code', client_id: this.clientId, redirect_uri: CALLBACK, scope, state: 'a state' };
    const more = { resource: this.resource, code_challenge: challenge, code_challenge_method: 'S256' };
    for (const [key, value] of Object.entries({ ...parameters, ...more })) url.searchParams.set(key, value);
    const seen = await authorize(this.page, url.href, input);
    await this.page.waitForURL((address) => address.href.startsWith(CALLBACK));
    const code = new URL(this.page.url()).searchParams.get('code');
    const answer = await this.token({ grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: verifier });
    step(name, { status: answer.status, signed_in: seen.signed_in, granted_scope: answer.body.scope });
  }

  async token(parameters) {
    const body = new URLSearchParams({ ...parameters, client_id: this.clientId, resource: this.resource }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await this.fetch(this.metadata.token_endpoint, { method: 'POST', headers, body });
    if (answer.status === 200) this.tokens = answer.body;
    return answer;
  }
}

/** What a page that may not call learns: nothing, for the browser does not even tell it the status. */
async function tryFromForeignPage(browser, token) {
  const { context, page } = await newPerson(browser);
  await servePages(context);
  await page.goto(`${input.foreign_origin}/`);
  const client = new PageClient(page);
  const learned = await client.mcp('tools/list', {}, token).then(({ status }) => status, () => 'nothing');
  step('foreign_page', { learned });
  await context.close();
}

await run(() =>
  withBrowser(async (browser) => {
    const { context, page } = await newPerson(browser);
    await servePages(context);
    await page.goto(`${input.page_origin}/`);
    const client = new PageClient(page);
    await client.discover();
    await client.register();
    await client.authorize('authorized', client.scope);
    const listed = await client.mcp('tools/list');
    const names = listed.body.result.tools.map((tool) => tool.name).sort();
    step('tools', { names, readable: listed.headers });
    await tryFromForeignPage(browser, client.tokens.access_token);

    const before = client.tokens;
    const refreshed = await client.token({ grant_type: 'refresh_token', refresh_token: before.refresh_token });
    step('refreshed', { status: refreshed.status, rotated: client.tokens.refresh_token !== before.refresh_token });
    const whoami = await client.call('whoami');
    step('whoami', { status: whoami.status, body: whoami.body });

    const refused = await client.call('create_event', input.event);
    const challenge = refused.headers['www-authenticate'];
    step('insufficient_scope', { status: refused.status, challenge });
    await client.authorize('stepped_up', challenge.match(/scope="([^"]*)"/)[1]);
    step('created', { body: (await client.call('create_event', input.event)).body });

    await handOver('revoke_now');
    const refusedAtLast = async () => {
      for (let attempt = 0; attempt < 50; attempt += 1) {
        const answer = await client.mcp('tools/list');
        if (answer.status === 401) return answer;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      throw new Error('a revoked token is still good');
    };
    const revoked = await refusedAtLast();
    step('revoked', { status: revoked.status, challenge: revoked.headers['www-authenticate'] });
  }),
);
