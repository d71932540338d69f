// Applies cdk-nag's AwsSolutions rules to the templates given as arguments and
// prints their findings as JSON: {"<file>": [{"rule", "resource", "info"}]}.
// It ignores suppressions: the test compares them with the findings.
'use strict';
const path = require('path');
const { App, Stack } = require('aws-cdk-lib');
const { CfnInclude } = require('aws-cdk-lib/cloudformation-include');
const { AwsSolutionsChecks } = require('cdk-nag');

const findings = {};
for (const templateFile of process.argv.slice(2)) {
  const app = new App({ analyticsReporting: false });
  new CfnInclude(new Stack(app, 'Stack'), 'Template', { templateFile, preserveLogicalIds: true });
  findings[templateFile] = new AwsSolutionsChecks(app).validateScope(app).violations.flatMap((violation) =>
    violation.violatingResources.map((resource) => ({
      rule: violation.ruleName,
      resource: path.posix.basename(resource.constructPath),
      info: violation.description,
    })));
}
process.stdout.write(JSON.stringify(findings));
