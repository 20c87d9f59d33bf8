// Parses a request by the SDK of CloudEvents: {"headers": {...}, "body": "..."}
// is the standard input, the event as JSON, or the error, the output.

const { HTTP } = require('cloudevents');
const { readFileSync } = require('fs');

const { headers, body } = JSON.parse(readFileSync(0, 'utf8'));

try {
    const event = HTTP.toEvent({ headers, body });

    event.validate();
    console.log(JSON.stringify(event));

} catch (e) {
    console.log(JSON.stringify({ error: e.message }));
}
