// The two TypeScript SDKs behind one face: `client`, the current one, and `sdk`, the first one, on which most of today's clients stand.

/** Loads the SDK of this name; `mode` is how the current one negotiates versions. */
export async function loadSdk(name, mode) {
  const identity = { name: 'postern-test', version: '1.0.0' };
  if (name === 'client') {
    const sdk = await import('@modelcontextprotocol/client');
    return {
      newClient: () => new sdk.Client(identity, { versionNegotiation: { mode } }),
      newTransport: (url, options) => new sdk.StreamableHTTPClientTransport(url, options),
      finishAuth: (transport, parameters) => transport.finishAuth(parameters),
      UnauthorizedError: sdk.UnauthorizedError,
    };
  }
  const [{ Client }, { StreamableHTTPClientTransport }, { UnauthorizedError }] = await Promise.all([
    import('@modelcontextprotocol/sdk/client/index.js'),
    import('@modelcontextprotocol/sdk/client/streamableHttp.js'),
    import('@modelcontextprotocol/sdk/client/auth.js'),
  ]);
  return {
    newClient: () => new Client(identity),
    newTransport: (url, options) => new StreamableHTTPClientTransport(url, options),
    finishAuth: (transport, parameters) => transport.finishAuth(parameters.get('code')),
    UnauthorizedError,
  };
}
