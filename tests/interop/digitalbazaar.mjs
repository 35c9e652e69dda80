// The other side of tests/interop/test_digitalbazaar.py: one task on stdin, its outcome on stdout.
import * as ecdsa from '@digitalbazaar/ecdsa-multikey';
import * as ecdsaRdfc from '@digitalbazaar/ecdsa-rdfc-2019-cryptosuite';
import * as ed25519 from '@digitalbazaar/ed25519-multikey';
import * as eddsaJcs from '@digitalbazaar/eddsa-jcs-2022-cryptosuite';
import * as eddsaRdfc from '@digitalbazaar/eddsa-rdfc-2022-cryptosuite';
import * as vc from '@digitalbazaar/vc';
import {DataIntegrityProof} from '@digitalbazaar/data-integrity';
import {text} from 'node:stream/consumers';

const SUITES = {
  'eddsa-rdfc-2022': {keys: ed25519, sign: () => eddsaRdfc.cryptosuite, verify: () => eddsaRdfc.cryptosuite},
  'eddsa-jcs-2022': {keys: ed25519, sign: eddsaJcs.createSignCryptosuite, verify: eddsaJcs.createVerifyCryptosuite},
  'ecdsa-rdfc-2019': {keys: ecdsa, sign: () => ecdsaRdfc.cryptosuite, verify: () => ecdsaRdfc.cryptosuite}
};

const task = JSON.parse(await text(process.stdin));
const suite = SUITES[task.suite];

async function documentLoader(url) {
  const [did, key] = url.split('#');
  if(!did.startsWith('did:key:')) {
    if(!(url in task.contexts)) {
      throw new Error(`there is no context ${url}`);
    }
    return {documentUrl: url, document: task.contexts[url]};
  }
  const publicKeyMultibase = did.slice('did:key:'.length);
  const id = `${did}#${publicKeyMultibase}`;
  const method = {'@context': 'https://w3id.org/security/multikey/v1', id, type: 'Multikey', controller: did,
    publicKeyMultibase};
  const document = {'@context': 'https://www.w3.org/ns/did/v1', id: did, verificationMethod: [method],
    assertionMethod: [id], authentication: [id]};
  return {documentUrl: url, document: key ? method : document};
}

async function signer() {
  const key = await suite.keys.generate({curve: 'P-256'});
  const {publicKeyMultibase} = await key.export({publicKey: true});
  key.controller = `did:key:${publicKeyMultibase}`;
  key.id = `${key.controller}#${publicKeyMultibase}`;
  return {did: key.controller, suite: new DataIntegrityProof({signer: key.signer(), cryptosuite: suite.sign()})};
}

const checking = suite && new DataIntegrityProof({cryptosuite: suite.verify()});
const checkStatus = async () => ({verified: true}); // lists are no part of what is compared here
const {challenge, domain} = task;

const DO = {
  async issue() {
    const {did, suite} = await signer();
    const credential = {...task.document, issuer: did};
    return vc.issue({credential, suite, documentLoader});
  },
  async present() {
    const {did: holder, suite} = await signer();
    const presentation = vc.createPresentation({holder, verifiableCredential: task.document, verify: false});
    return vc.signPresentation({presentation, suite, challenge, domain, documentLoader});
  },
  async verify() {
    return vc.verifyCredential({credential: task.document, suite: checking, documentLoader, checkStatus});
  },
  async verifyPresentation() {
    return vc.verify({presentation: task.document, suite: checking, challenge, domain, documentLoader, checkStatus});
  }
};

const outcome = await DO[task.do]();
if(outcome.error) {
  outcome.error = String(outcome.error) + JSON.stringify(outcome.error.errors ?? []);
}
console.log(JSON.stringify(outcome));
