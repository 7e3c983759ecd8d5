// What an application does not do by the SDK: it listens for webhooks, and its operator makes feature flags.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';

/** A listener on this machine that keeps what was sent to it: the signature and the raw body of each delivery. */
export async function receive() {
  const deliveries = [];
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    deliveries.push({ payload: Buffer.concat(parts).toString('utf8'), sigHeader: request.headers['workos-signature'] });
    response.end();
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { deliveries, url: `http://127.0.0.1:${server.address().port}/hooks`, close };
}

async function operator(method, path, body) {
  const answer = await fetch(`${process.env.VESTIBULE_URL}${path}`, {
    method, headers: { authorization: `Bearer ${process.env.VESTIBULE_ADMIN_TOKEN}` }, body: body && JSON.stringify(body),
  });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.json();
}

/** A new feature flag in the environment of this application. */
export async function newFlag(slug) {
  const { data } = await operator('GET', '/admin/v1/environments?limit=100');
  const mine = data.find((environment) => environment.client_id === process.env.VESTIBULE_CLIENT_ID);
  return operator('POST', `/admin/v1/environments/${mine.id}/feature_flags`, { slug, name: slug });
}
