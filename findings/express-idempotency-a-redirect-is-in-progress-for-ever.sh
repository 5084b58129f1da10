#!/usr/bin/env bash
# express-idempotency 1.0.6 (npm) with Express 5.3.0, seen 2026-12-01.
#
# A request is sent twice with one Idempotency-Key. If the handler has answered by send() or json(), the second one gets the first one's answer. If it has
# answered by redirect(), as after a form, or by end(), the second one gets 409, that the first is still in progress, and so does each one
# after it: only what goes through send() is taken for an answer. So it is with a handler that throws, which Express answers with 500: the key is
# in progress for ever, and the client that does what the key is there for never gets the work done. (reportError is there to be called by the
# handler itself; a status of 500 by send() needs no call.) And of the answer that is given again all headers but Content-Type are
# missing: 201 without Location.
#
# Guess that it breaks: the README speaks of the response being cached if its status is between 200 and 299, and names no way of answering; the
# first of the two requests is always right, and a trial of the second is made with send().
#
# Seen (fails answers by send with 500 at first; status and Location: of the first request; of the second, with the same key; of the third; how often the handler has worked):
#   send:     201 /orders/1; 201 none; 201 none; 1
#   redirect: 303 /orders/1; 409 none; 409 none; 1
#   end:      204 none; 409 none; 409 none; 1
#   fails:    500 none; 200 none; 200 none; 2
#   throws:   500 none; 409 none; 409 none; 1
#
# Needs Node.js 18 or later with npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund express-idempotency@1.0.6 express@5.3.0 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >twice.cjs <<'JS'
const express = require('express');
const { getSharedIdempotencyService, idempotency } = require('express-idempotency');

const app = express();
app.use(idempotency());
const worked = {};

/** A handler as the README has it: it does nothing if the middleware has answered. */
function post(path, handler) {
    worked[path] = 0;
    app.post(path, (req, res) => {
        if (getSharedIdempotencyService().isHit(req)) return;
        worked[path]++;
        handler(res, worked[path] === 1);
    });
}
post('/send', (res) => res.status(201).location('/orders/1').send({ id: 1 }));
post('/redirect', (res) => res.redirect(303, '/orders/1'));
post('/end', (res) => res.status(204).end());
post('/fails', (res, first) => res.status(first ? 500 : 200).send(first ? 'the database does not answer' : 'done'));
post('/throws', (res, first) => {
    if (first) throw new Error('the database does not answer');
    res.send('done');
});
// Express answers an error by itself; this only keeps it from writing the error to the console.
app.set('env', 'test');

const want = {
    '/send': '201 /orders/1; 201 none; 201 none; 1',
    '/redirect': '303 /orders/1; 409 none; 409 none; 1',
    '/end': '204 none; 409 none; 409 none; 1',
    '/fails': '500 none; 200 none; 200 none; 2',
    '/throws': '500 none; 409 none; 409 none; 1',
};
const server = app.listen(0, '127.0.0.1', async () => {
    let asSeen = true;
    for (const path of Object.keys(want)) {
        const got = [];
        for (let i = 0; i < 3; i++) {
            const answer = await fetch(`http://127.0.0.1:${server.address().port}${path}`, {
                method: 'POST',
                redirect: 'manual',
                headers: { 'Idempotency-Key': path },
            });
            await answer.text();
            got.push(`${answer.status} ${answer.headers.get('location') ?? 'none'}`);
            await new Promise((resolve) => setTimeout(resolve, 200));
        }
        got.push(worked[path]);
        console.log(path.slice(1) + ': ' + got.join('; '));
        asSeen &&= got.join('; ') === want[path];
    }
    if (!asSeen) console.log('changed or broken');
    process.exit(asSeen ? 0 : 1);
});
JS
timeout 120 node twice.cjs
