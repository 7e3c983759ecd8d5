// The official Node SDK, unchanged but for its host and port, as every application here calls it.

import { WorkOS } from '@workos-inc/node';

export const URL_OF_SERVER = new URL(required('VESTIBULE_URL'));
export const API_KEY = required('VESTIBULE_API_KEY');
export const CLIENT_ID = required('VESTIBULE_CLIENT_ID');
export const ISSUER = `${URL_OF_SERVER.origin}/user_management/${CLIENT_ID}`;

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}`);
  return value;
}

/** A client that checks the issuer of every token and never repeats a failed request. */
export function client(apiKey = API_KEY) {
  const https = URL_OF_SERVER.protocol === 'https:';
  const port = Number(URL_OF_SERVER.port || (https ? 443 : 80));
  return new WorkOS(apiKey, {
    apiHostname: URL_OF_SERVER.hostname, port, https, clientId: CLIENT_ID, issuer: ISSUER, maxRetries: 0,
  });
}

/** The ids of a list. */
export const ids = (list) => list.data.map((item) => item.id);
