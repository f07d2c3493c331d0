// SPDX-License-Identifier: Apache-2.0
// A container with a stored access policy, and a SAS that names the policy and
// nothing else, as Astra's Sideloader gives it; made by Azure's own library.
//   node azurite.js ENDPOINT ACCOUNT CONTAINER [POLICY] < KEY
// ENDPOINT is http://HOST:PORT/ACCOUNT. Prints url= and sas= lines. With a
// container that is there, its policies before end. The key and the SAS are of
// a server that this test started.
"use strict";
const fs = require("fs");
const {
	BlobServiceClient, ContainerSASPermissions, StorageSharedKeyCredential,
	generateBlobSASQueryParameters,
} = require("@azure/storage-blob");

async function main() {
	const [endpoint, account, name, policy = "sideloader"] =
		process.argv.slice(2);
	const key = fs.readFileSync(0, "utf8").trim();
	const credential = new StorageSharedKeyCredential(account, key);
	const service = new BlobServiceClient(endpoint, credential);
	const container = service.getContainerClient(name);
	const hour = 3600 * 1000;

	await container.createIfNotExists();
	await container.setAccessPolicy(undefined, [{
		id: policy,
		accessPolicy: {
			startsOn: new Date(Date.now() - hour),
			expiresOn: new Date(Date.now() + hour),
			permissions: ContainerSASPermissions.parse("racwdl")
				.toString(),
		},
	}]);
	const sas = generateBlobSASQueryParameters(
		{ containerName: name, identifier: policy }, credential);
	console.log(`url=${endpoint}/${name}`);
	console.log(`sas=${sas}`);
}

main().catch((e) => {
	console.error(e.message);
	process.exit(1);
});
