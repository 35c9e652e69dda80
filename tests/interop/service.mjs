// Digital Bazaar's packages behind node's http, for bench/api.py: the same two routes, with a key of its own.
// It takes the DID documents that credentials name from the first line of stdin, and prints its address.
import * as ed25519 from '@digitalbazaar/ed25519-multikey';
import * as eddsaRdfc from '@digitalbazaar/eddsa-rdfc-2022-cryptosuite';
import * as vc from '@digitalbazaar/vc';
import {DataIntegrityProof} from '@digitalbazaar/data-integrity';
import {createInterface} from 'node:readline';
import {createServer} from 'node:http';
import {json} from 'node:stream/consumers';
import {securityLoader} from '@digitalcredentials/security-document-loader';

const {value} = await createInterface({input: process.stdin})[Symbol.asyncIterator]().next();
const known = new Map();
for(const document of JSON.parse(value)) {
  known.set(document.id, document);
  for(const method of document.verificationMethod) {
    known.set(method.id, {'@context': 'https://w3id.org/security/multikey/v1', ...method});
  }
}
const shipped = securityLoader({fetchRemoteContexts: false}).build();
const documentLoader = async url => known.has(url) ? {documentUrl: url, document: known.get(url)} : shipped(url);

const key = await ed25519.generate();
const {publicKeyMultibase} = await key.export({publicKey: true});
const issuer = key.controller = `did:key:${publicKeyMultibase}`;
key.id = `${issuer}#${publicKeyMultibase}`;
const {cryptosuite} = eddsaRdfc;
const signing = new DataIntegrityProof({signer: key.signer(), cryptosuite});
const checking = new DataIntegrityProof({cryptosuite});

const ROUTES = {
  async '/credentials/verify'({verifiableCredential: credential}) {
    const {verified} = await vc.verifyCredential({
      credential, suite: checking, documentLoader, checkStatus: () => ({verified: true})});
    return [verified ? 200 : 400, {verified}];
  },
  async '/issuers/s/credentials/issue'({credential}) {
    const signed = await vc.issue({credential: {...credential, issuer}, suite: signing, documentLoader});
    return [201, {verifiableCredential: signed}];
  }
};

const server = createServer(async (request, response) => {
  const [status, content] = await ROUTES[request.url](await json(request));
  response.writeHead(status, {'Content-Type': 'application/json'}).end(JSON.stringify(content));
});
server.listen(0, '127.0.0.1', () => console.log(`http://localhost:${server.address().port}`));
