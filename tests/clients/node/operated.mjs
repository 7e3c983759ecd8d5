// What an application does not do by the SDK: it listens for webhooks, and its operator makes things.

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
  return answer.status === 204 ? undefined : answer.json();
}

/** Where the operator finds the environment of this application. */
async function environment() {
  const { data } = await operator('GET', '/admin/v1/environments?limit=100');
  return `/admin/v1/environments/${data.find((one) => one.client_id === process.env.VESTIBULE_CLIENT_ID).id}`;
}

/** A new feature flag in the environment of this application. */
export async function newFlag(slug) {
  return operator('POST', `${await environment()}/feature_flags`, { slug, name: slug });
}

/** A new type of resources, which lie below those of its parents. */
export async function newResourceType(slug, ...parents) {
  return operator('POST', `${await environment()}/resource_types`, { slug, name: slug, parents });
}

/** Deletes roles of the environment and types of resources, which the API does not let an application do. */
export async function forget(roles, types) {
  const here = await environment();
  const paths = [...roles.map((slug) => `roles/${slug}`), ...types.map((slug) => `resource_types/${slug}`)];
  for (const path of paths) await operator('DELETE', `${here}/${path}`);
}
