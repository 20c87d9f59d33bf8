// Verifies a request by the library of Standard Webhooks: the secret is the
// argument, {"headers": {...}, "body": "..."} is the standard input.

const { Webhook } = require('standardwebhooks');
const { readFileSync } = require('fs');

const { headers, body } = JSON.parse(readFileSync(0, 'utf8'));

try {
    new Webhook(process.argv[2]).verify(body, headers);
    console.log('verified');

} catch (e) {
    console.log(e.message);
}
