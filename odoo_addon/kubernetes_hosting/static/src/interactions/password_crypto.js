/**
 * How a browser gets a password that Odoo cannot read: an ECDH key pair on P-256 whose
 * private half never leaves the page; the worker's answer is encrypted with AES-256-GCM
 * under HKDF-SHA256(shared secret, no salt, "chandlery password v1").
 */
const CURVE = {name: "ECDH", namedCurve: "P-256"};
const INFO = new TextEncoder().encode("chandlery password v1");

function toBase64(buffer) {
    return btoa(String.fromCharCode(...new Uint8Array(buffer)));
}

function fromBase64(text) {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Whether this page may use the browser's cryptography: not over plain http. */
export function hasCrypto() {
    return Boolean(window.crypto && window.crypto.subtle);
}

/** A new key pair; `publicKey` is the uncompressed point in base64. */
export async function makeKeys() {
    const pair = await window.crypto.subtle.generateKey(CURVE, false, ["deriveBits"]);
    const point = await window.crypto.subtle.exportKey("raw", pair.publicKey);
    return {privateKey: pair.privateKey, publicKey: toBase64(point)};
}

/**
 * The password in a worker's answer.
 *
 * @param {CryptoKey} privateKey of `makeKeys`
 * @param {{public_key: String, nonce: String, ciphertext: String}} answer in base64
 * @returns {Promise<String>}
 */
export async function decrypt(privateKey, answer) {
    const subtle = window.crypto.subtle;
    const theirs = await subtle.importKey(
        "raw",
        fromBase64(answer.public_key),
        CURVE,
        false,
        []
    );
    const shared = await subtle.deriveBits(
        {name: "ECDH", public: theirs},
        privateKey,
        256
    );
    const secret = await subtle.importKey("raw", shared, "HKDF", false, ["deriveKey"]);
    const key = await subtle.deriveKey(
        {name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: INFO},
        secret,
        {name: "AES-GCM", length: 256},
        false,
        ["decrypt"]
    );
    const clear = await subtle.decrypt(
        {name: "AES-GCM", iv: fromBase64(answer.nonce)},
        key,
        fromBase64(answer.ciphertext)
    );
    return new TextDecoder().decode(clear);
}
