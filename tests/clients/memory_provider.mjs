// An OAuth client that keeps what it learns in memory, as the SDK's own examples do, with its redirect on a loopback listener.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

export class MemoryProvider {
  #listener;
  #callback;
  #state;
  #stored = {};
  /** Where the person must go next, or undefined. */
  authorizationUrl;

  static async start(clientName) {
    const provider = new MemoryProvider();
    provider.clientName = clientName;
    provider.#listener = createServer((request, response) => provider.#arrive(request, response));
    await new Promise((resolve) => provider.#listener.listen(0, '127.0.0.1', resolve));
    return provider;
  }

  stop() {
    this.#listener.close();
  }

  get redirectUrl() {
    return `http://127.0.0.1:${this.#listener.address().port}/callback`;
  }

  get clientMetadata() {
    return {
      client_name: this.clientName,
      redirect_uris: [this.redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    };
  }

  state() {
    this.#state = randomBytes(16).toString('base64url');
    return this.#state;
  }

  clientInformation = () => this.#stored.client;
  saveClientInformation = (client) => void (this.#stored.client = client);
  tokens = () => this.#stored.tokens;
  saveTokens = (tokens) => void (this.#stored.tokens = tokens);
  codeVerifier = () => this.#stored.verifier;
  saveCodeVerifier = (verifier) => void (this.#stored.verifier = verifier);
  discoveryState = () => this.#stored.discovery;
  saveDiscoveryState = (discovery) => void (this.#stored.discovery = discovery);
  invalidateCredentials(what) {
    const forget = { all: ['client', 'tokens', 'verifier', 'discovery'] }[what] ?? [what];
    for (const key of forget) delete this.#stored[key];
  }

  redirectToAuthorization(url) {
    this.authorizationUrl = url.href;
    this.#callback = Promise.withResolvers?.() ?? withResolvers();
  }

  /** The parameters with which the browser came back; refuses a foreign `state`. */
  async callbackParameters() {
    const parameters = await this.#callback.promise;
    if (parameters.get('state') !== this.#state) throw new Error('the callback carries a foreign state');
    this.authorizationUrl = undefined;
    return parameters;
  }

  #arrive(request, response) {
    const url = new URL(request.url, this.redirectUrl);
    if (url.pathname !== '/callback') return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': 'text/plain' }).end('You may close this window.');
    this.#callback?.resolve(url.searchParams);
  }
}

function withResolvers() {
  const deferred = {};
  deferred.promise = new Promise((resolve, reject) => Object.assign(deferred, { resolve, reject }));
  return deferred;
}
