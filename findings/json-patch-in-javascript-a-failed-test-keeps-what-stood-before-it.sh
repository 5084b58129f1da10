#!/usr/bin/env bash
# JSON Patch (RFC 6902) in JavaScript: rfc6902 5.4.0, and jsondiffpatch 0.7.7 beside it (npm), seen 2026-12-01.
#
# A patch sets the balance to 70 and then tests that the version is the one that was read, which it is not. rfc6902 gives a list of errors in place of
# throwing one, and goes on: the document has 70, and what stands behind the failed test is done too, here the version is set to 3. The change goes
# through as if it had been tested, also with the test in the first place, where examples have it. jsondiffpatch takes back what it has done and throws.
#
# Guess that it breaks: RFC 6902 has processing end with an operation that fails, and RFC 5789, from which PATCH comes, wants all of a patch or
# nothing; test is what a patch has for "if nobody has changed it". The README says that failed operations are errors in the list, and
# not that those behind them are carried out.
#
# Seen (balance and version, of 100 and 2; what the call says):
#   rfc6902, test behind:                    70, 3; done, TestError, done
#   rfc6902, test first:                     70, 3; TestError, done, done
#   rfc6902, test that holds:                70, 3; done, done, done
#   jsondiffpatch, test behind:              100, 2; an error
#
# Needs Node.js with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund rfc6902@5.4.0 jsondiffpatch@0.7.7 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >half.mjs <<'JS'
import { patch as diffpatch } from 'jsondiffpatch/formatters/jsonpatch';
import { applyPatch as rfc6902 } from 'rfc6902';

const set = { op: 'replace', path: '/balance', value: 70 };
const test = { op: 'test', path: '/version', value: 1 };
const holds = { ...test, value: 2 };
const next = { op: 'replace', path: '/version', value: 3 };

/** What the call says, where it does not throw; and if it throws, the name of the error. */
function said(call) {
    try {
        return call();
    } catch (e) {
        return e.name === 'Error' ? 'an error' : e.name;
    }
}
const list = (errors) => errors.map((e) => (e === null ? 'done' : e.name === 'Error' ? e.constructor.name : e.name)).join(', ');
const quiet = (call) => {
    call();
    return 'no error';
};

let asSeen = true;
for (const [name, call, want] of [
    ['rfc6902, test behind', (d) => list(rfc6902(d, [set, test, next])), '70, 3; done, TestError, done'],
    ['rfc6902, test first', (d) => list(rfc6902(d, [test, set, next])), '70, 3; TestError, done, done'],
    ['rfc6902, test that holds', (d) => list(rfc6902(d, [holds, set, next])), '70, 3; done, done, done'],
    ['jsondiffpatch, test behind', (d) => quiet(() => diffpatch(d, [set, test, next])), '100, 2; an error'],
]) {
    const document = { balance: 100, version: 2 };
    const answer = said(() => call(document));
    const got = `${document.balance}, ${document.version}; ${answer}`;
    console.log(`${name}: ${got}`);
    asSeen &&= got === want;
}
if (!asSeen) {
    console.log('changed or broken');
    process.exit(1);
}
JS
timeout 120 node half.mjs
