// The other side of tests/interop/peers.py: each line of stdin is a task, each line of stdout what came of it.
import * as bitstring from '@digitalbazaar/vc-bitstring-status-list';
import * as ecdsa from '@digitalbazaar/ecdsa-multikey';
import * as ecdsaJcs from '@digitalbazaar/ecdsa-jcs-2019-cryptosuite';
import * as ecdsaRdfc from '@digitalbazaar/ecdsa-rdfc-2019-cryptosuite';
import * as ed25519 from '@digitalbazaar/ed25519-multikey';
import * as eddsaJcs from '@digitalbazaar/eddsa-jcs-2022-cryptosuite';
import * as eddsaRdfc from '@digitalbazaar/eddsa-rdfc-2022-cryptosuite';
import * as jose from 'jose';
import * as vc from '@digitalbazaar/vc';
import {EdDSASigner, ES256Signer, base64ToBytes} from 'did-jwt';
import {createHash, createPrivateKey, createPublicKey, randomBytes, sign, verify} from 'node:crypto';
import {createInterface} from 'node:readline';
import {createVerifiableCredentialJwt, createVerifiablePresentationJwt} from 'did-jwt-vc';
import {DataIntegrityProof} from '@digitalbazaar/data-integrity';
import {Agent, buildConnector, setGlobalDispatcher} from 'undici';
import {Openid4vciIssuer} from '@openid4vc/openid4vci';
import {SDJwtVcInstance} from '@sd-jwt/sd-jwt-vc';
import {StatusList, createHeaderAndPayload, getListFromStatusListJWT} from '@sd-jwt/jwt-status-list';
import {securityLoader} from '@digitalcredentials/security-document-loader';
import {verifyCredential} from '@digitalcredentials/verifier-core';

console.log = console.error = () => {}; // verifier-core tells there of schemas that it could not fetch

// A server on this machine stands for all hosts, under their names, where its port is given.
if(process.env.PORT_OF_ALL_HOSTS) {
  const connect = buildConnector({});
  const place = {hostname: 'localhost', port: process.env.PORT_OF_ALL_HOSTS};
  setGlobalDispatcher(new Agent({connect: (options, callback) => connect(
    {...options, ...place, servername: options.hostname}, callback)}));
}

const SUITES = {
  'eddsa-rdfc-2022': {keys: ed25519, sign: () => eddsaRdfc.cryptosuite, verify: () => eddsaRdfc.cryptosuite},
  'eddsa-jcs-2022': {keys: ed25519, sign: eddsaJcs.createSignCryptosuite, verify: eddsaJcs.createVerifyCryptosuite},
  'ecdsa-rdfc-2019': {keys: ecdsa, sign: () => ecdsaRdfc.cryptosuite, verify: () => ecdsaRdfc.cryptosuite},
  'ecdsa-jcs-2019': {keys: ecdsa, sign: ecdsaJcs.createSignCryptosuite, verify: ecdsaJcs.createVerifyCryptosuite}
};
const checking = Object.values(SUITES).map(({verify}) => new DataIntegrityProof({cryptosuite: verify()}));

// It has the contexts that its packages ship; did:web documents and status lists it fetches.
const load = securityLoader({fetchRemoteContexts: true}).build();
// What needs nothing but a did:key and those contexts has to do with this one, which asks no network.
const shipped = securityLoader({fetchRemoteContexts: false}).build();
async function documentLoader(url) {
  return url.startsWith('did:key:z') && !url.startsWith('did:key:z6Mk') ? didKey(url) : load(url);
}

function didKey(url) { // theirs reads those of Ed25519 only
  const [did, key] = url.split('#');
  const id = `${did}#${did.slice('did:key:'.length)}`;
  const method = {'@context': 'https://w3id.org/security/multikey/v1', id, type: 'Multikey', controller: did,
    publicKeyMultibase: did.slice('did:key:'.length)};
  const document = {'@context': 'https://www.w3.org/ns/did/v1', id: did, verificationMethod: [method],
    assertionMethod: [id], authentication: [id]};
  return {documentUrl: url, document: key ? method : document};
}

const signers = new Map(); // by suite

async function signer(name) {
  if(!signers.has(name)) {
    const {keys, sign} = SUITES[name];
    const key = await keys.generate({curve: 'P-256'});
    const {publicKeyMultibase} = await key.export({publicKey: true});
    key.controller = `did:key:${publicKeyMultibase}`;
    key.id = `${key.controller}#${publicKeyMultibase}`;
    const suite = new DataIntegrityProof({signer: key.signer(), cryptosuite: sign()});
    signers.set(name, {did: key.controller, suite});
  }
  return signers.get(name);
}

async function issue({document, suite: name}) {
  const {did: issuer, suite} = await signer(name);
  return vc.issue({credential: {...document, issuer}, suite, documentLoader});
}

const wallet = new Openid4vciIssuer({callbacks: {}}); // its parser is that of the wallet, too

// How @sd-jwt/sd-jwt-vc signs and verifies is for its caller to say.
const hash = jwk => jwk.crv === 'P-256' ? 'sha256' : null;
const handle = (make, jwk) => ({key: make({key: jwk, format: 'jwk'}), dsaEncoding: 'ieee-p1363'});
const signing = jwk => {
  const key = handle(createPrivateKey, jwk);
  return async data => sign(hash(jwk), Buffer.from(data), key).toString('base64url');
};
const fits = jwk => {
  const key = handle(createPublicKey, jwk);
  return async (data, signature) => verify(
    hash(jwk), Buffer.from(data), key, Buffer.from(signature, 'base64url'));
};
const algorithm = jwk => jwk.crv === 'P-256' ? 'ES256' : 'EdDSA';
const instances = new WeakMap(); // by task, so that one that is measured has its keys at hand
const decoded = new WeakMap(); // by task, and what it has read

function sdJwt(task) {
  if(!instances.has(task)) {
    const {issuer, holder, list, lister} = task; // without a list, it fetches that from where it is
    instances.set(task, new SDJwtVcInstance({
      ...(list ? {statusListFetcher: async () => list} : {}),
      ...(lister ? {statusVerifier: fits(lister)} : {}),
      hasher: (data, name) => createHash(name.replace('-', '')).update(Buffer.from(data)).digest(), hashAlg: 'sha-256',
      saltGenerator: length => randomBytes(length).toString('base64url'),
      ...(issuer?.d ? {signer: signing(issuer), signAlg: algorithm(issuer)} : {}),
      ...(holder?.d ? {kbSigner: signing(holder), kbSignAlg: algorithm(holder)} : {}),
      ...(issuer ? {verifier: fits(issuer)} : {}),
      kbVerifier: async (data, signature, payload) => fits(payload.cnf.jwk)(data, signature)}));
  }
  return instances.get(task);
}

// A signer as did-jwt-vc takes one.
const party = (did, jwk) => ({did, alg: algorithm(jwk),
  signer: (jwk.crv === 'P-256' ? ES256Signer : EdDSASigner)(base64ToBytes(jwk.d))});

const DO = {
  async measure({tasks, times, uncounted}) { // microseconds of CPU a task; rounds before are for the compiler
    let before;
    for(let round = -uncounted; round < times; ++round) {
      before ??= round < 0 ? undefined : process.cpuUsage();
      for(const task of tasks) {
        if((await DO[task.do](task)).error) {
          throw new Error(`${task.do} does not do what is measured`);
        }
      }
    }
    const {user, system} = process.cpuUsage(before);
    return {time: (user + system) / tasks.length / times};
  },
  async joseSign({document, header, key}) {
    const made = new jose.SignJWT(document).setProtectedHeader(header);
    return {text: await made.sign(await jose.importJWK(key, header.alg))};
  },
  async joseVerify({text, key, alg, ...options}) {
    try {
      return await jose.jwtVerify(text, await jose.importJWK(key, alg), options);
    } catch(error) {
      return {error};
    }
  },
  didJwtVcIssue: async ({document, did, key, keep}) => ({text: await createVerifiableCredentialJwt(
    document, party(did, key), {removeOriginalFields: !keep})}),
  didJwtVcPresent: async ({document, did, key, challenge, domain}) => ({text: await createVerifiablePresentationJwt(
    document, party(did, key), {challenge, domain})}),
  sdJwtIssue: async task => ({text: await sdJwt(task).issue(task.document, task.frame, {header: task.header})}),
  sdJwtPresent: async task => ({text: await sdJwt(task).present(
    task.text, task.frame, {kb: {payload: {iat: task.now, aud: task.domain, nonce: task.challenge}}})}),
  async sdJwtShow(task) { // as `present`, which takes text alone, of a credential that was read before
    const peer = sdJwt(task), {hasher} = peer.userConfig;
    const payload = {iat: task.now, aud: task.domain, nonce: task.challenge};
    decoded.has(task) || decoded.set(task, await peer.decode(task.text));
    const credential = decoded.get(task);
    delete credential.kbJwt;
    const shown = await credential.present(task.frame, hasher);
    credential.kbJwt = await peer.createKBJwt({payload}, await peer.calculateSDHash(shown, credential, hasher));
    return {text: await credential.present(task.frame, hasher)};
  },
  tokenList: ({values, bits}) => ({bits, lst: new StatusList(values, bits).compressStatusList()}),
  async tokenListJwt({values, bits, said, issuer, kid}) {
    const {header, payload} = createHeaderAndPayload(
      new StatusList(values, bits), said, {alg: algorithm(issuer), kid});
    const signed = [header, payload].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    return {text: `${signed}.${await signing(issuer)(signed)}`};
  },
  tokenStatus({text, places}) {
    const list = getListFromStatusListJWT(text);
    return {values: places.map(place => list.getStatus(place))};
  },
  async sdJwtVerify(task) {
    try {
      return await sdJwt(task).verify(task.text, {currentDate: task.now, keyBindingNonce: task.challenge});
    } catch(error) {
      return {error};
    }
  },
  issue,
  metadata({document}) {
    try {
      const metadata = wallet.createCredentialIssuerMetadata(document);
      return {configurations: wallet.getKnownCredentialConfigurationsSupported(metadata)};
    } catch(error) {
      return {error};
    }
  },
  async list({url, revoked, suite, purpose = 'revocation', length = 131072}) {
    const list = await bitstring.createList({length});
    revoked.forEach(index => list.setStatus(index, true));
    const document = await bitstring.createCredential({id: url, list, statusPurpose: purpose});
    return issue({document, suite});
  },
  async present({document, suite: name, challenge, domain}) {
    const {did: holder, suite} = await signer(name);
    const presentation = vc.createPresentation({holder, verifiableCredential: document, verify: false});
    return vc.signPresentation({presentation, suite, challenge, domain, documentLoader});
  },
  verify: ({document, verifyMatchingIssuers = true}) => vc.verifyCredential({
    credential: document, suite: checking, documentLoader,
    checkStatus: options => bitstring.checkStatus({...options, verifyMatchingIssuers})}),
  verifyOffline: ({document, now}) => vc.verifyCredential(
    {credential: document, suite: checking, documentLoader: shipped, now: now && new Date(now)}),
  verifyPresentation: ({document, challenge, domain}) => vc.verify(
    {presentation: document, suite: checking, challenge, domain, documentLoader,
      checkStatus: bitstring.checkStatus}),
  verifierCore: ({document, registries = []}) => verifyCredential(
    {credential: document, knownDIDRegistries: registries})
};

for await (const line of createInterface({input: process.stdin})) {
  const task = JSON.parse(line);
  const outcome = await DO[task.do](task);
  if(outcome.error) {
    outcome.error = String(outcome.error) + JSON.stringify(outcome.error.errors ?? []);
  }
  process.stdout.write(JSON.stringify(outcome) + '\n');
}
process.exit(); // connections that are kept alive would hold it
