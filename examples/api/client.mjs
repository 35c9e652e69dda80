// A client of the API without packages: issues a certificate, verifies it, revokes it.
//
//   INTAGLIO_TOKEN=… node client.mjs http://localhost:8490 school certificate.json

import {readFile} from 'node:fs/promises';

const [service, name, file] = process.argv.slice(2);
const token = process.env.INTAGLIO_TOKEN;
if (!file || !token) {
  console.error('INTAGLIO_TOKEN=… node client.mjs http://localhost:8490 school certificate.json');
  process.exit(1);
}
const issuer = `${service}/issuers/${name}/credentials`;

// The status and the JSON of the answer, be it a problem (RFC 9457) or not.
async function post(url, body, authorization = {}) {
  const headers = {'Content-Type': 'application/json', ...authorization};
  const answer = await fetch(url, {method: 'POST', headers, body: JSON.stringify(body)});
  return {status: answer.status, content: await answer.json()};
}

const authorization = {Authorization: `Bearer ${token}`};
const verify = bundle => post(`${service}/credentials/verify`, {verifiableCredential: bundle});

function done(answer, what) {
  if (answer.status >= 300) {
    console.error(`${what}: ${answer.content.title}: ${answer.content.detail}`);
    process.exit(1);
  }
  return answer.content;
}

// The same file again gives the same credential.
const posted = {credential: JSON.parse(await readFile(file, 'utf8')), options: {bundle: true}};
const {verifiableCredential: credential, bundle} = done(
  await post(`${issuer}/issue`, posted, authorization),
  'not issued'
);
console.log('issued', credential.id);

let answer = await verify(bundle);
console.log('verified', answer.status, answer.content.verdict);

const entry = {type: 'BitstringStatusListEntry', statusPurpose: 'revocation'};
done(
  await post(
    `${issuer}/status`,
    {credentialId: credential.id, credentialStatus: entry, status: true},
    authorization
  ),
  'not revoked'
);

answer = await verify(bundle);
console.log('verified', answer.status, answer.content.verdict);
