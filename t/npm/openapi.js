// Validates a document by the schema of the OpenAPI Initiative: the argument is
// its file.

const { readFileSync } = require('fs');

import('@seriousme/openapi-schema-validator').then(async ({ Validator }) => {
    const document = JSON.parse(readFileSync(process.argv[2], 'utf8'));
    const { valid, errors } = await new Validator().validate(document);

    console.log(valid ? `valid ${document.openapi}` : JSON.stringify(errors));
}).catch((e) => console.log(e.message));
