import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { PyroHome } from "../support/home.ts";
import { makeOddImage } from "../support/odd-image.ts";
import { RegistryStub } from "../support/registry-stub.ts";

describe("an odd image that other engines take, run in a real guest", () => {
  let home: PyroHome;
  let stub: RegistryStub;
  before(async () => {
    home = await PyroHome.private({ images: false });
    const { image, index, top } = await makeOddImage();
    stub = (await RegistryStub.start()).offer(image, top);
    stub.offerDocument(index);
  });
  afterEach(() => home.assertNothingLeft());
  after(async () => {
    await stub?.[Symbol.asyncDispose]();
    await home?.dispose();
  });

  const assertPrints = async (script: string, expected: string) => {
    const { stdout, stderr, code } = await home.pyro(
      ["run", stub.reference, "--", "sh", "-c", script],
      { env: { PYRO_INSECURE_REGISTRIES: stub.host } },
    );
    assert.deepEqual([stdout, code], [expected, 0], stderr);
  };

  it("starts in its working directory, which no layer contains, as a user of few fields", async () => {
    await assertPrints(
      "pwd; id -u; id -G; cd /srv/link; stat -c '%u:%g %a' app app/run; echo $HOME",
      "/data/app/run\n1000\n1000 1300\n0:0 755\n0:0 755\n/home/app\n",
    );
  });

  it("has what it brings in /run, with owner and mode, on a file system of memory", async () => {
    await assertPrints(
      "cat /var/run/db/ready; stat -c '%u:%g %a' /run /run/db /run/db/ready; ls -A /run",
      "from the image\n0:70 775\n70:70 2775\n70:71 644\ndb\nown\n",
    );
    await assertPrints(
      "cd /run/own && mv old new && cat new/file && echo new > new/file && cat new/file; ls -A .",
      "old\nnew\nnew\n",
    );
  });

  it("has lost every name of a file that its layers deleted", async () => {
    await assertPrints(
      "ls /pair /hidden /replaced; cat /replaced/one",
      "/hidden:\nthree\n\n/pair:\nsix\n\n/replaced:\none\nsix\nnew\n",
    );
  });

  it("has the entries of absolute names", async () => {
    await assertPrints("cat /opt/twin; stat -c %h /opt/tool", "tool\n2\n");
  });

  it("has the variables that are some", async () => {
    await assertPrints(
      `echo \${PLACEHOLDER-unset}; echo \${EMPTY-unset}; echo $PATH`,
      "unset\n\n/bin\n",
    );
  });
});
