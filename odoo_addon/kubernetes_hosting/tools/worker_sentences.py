# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What a worker tells. Made by ``make translations`` from the worker's source, and read
by nothing but Odoo's export: ``told.py`` finds the translations by the text.
"""

# pylint: disable=prefer-env-translation

from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)

SENTENCES = (
    _lt("'{name}' is undefined, needed by {chain}."),
    _lt("'{name}' is undefined."),
    _lt("- line {line}, {words}"),
    _lt("- {manifest}, document {document}, line {line}: {object} {field}: {message}"),
    _lt("1 manifest, {size} KiB"),
    _lt("1 more object is not ready"),
    _lt("1 object"),
    _lt("1 object got its labels"),
    _lt("1 package"),
    _lt("1 problem"),
    _lt("1 volume is kept in {namespace}"),
    _lt("1 workload started"),
    _lt("1 workload started again"),
    _lt("1 workload stopped"),
    _lt("A CronJob may keep {number} ended Jobs at most."),
    _lt(
        "A Job cannot be changed once it is there. Give it a name that changes with"
        " what it does, such as `{name}-{{{{ version }}}}`: the deploy then removes the"
        " old one. Or delete it with `{delete}` and deploy again."
    ),
    _lt("A Service of the type {shown} leads elsewhere."),
    _lt("A Service without a selector leads to addresses that somebody else writes."),
    _lt("A ServiceAccount may not name Secrets of tokens."),
    _lt(
        "A claim may begin as a copy of a PersistentVolumeClaim or a VolumeSnapshot"
        " only."
    ),
    _lt(
        "A claim of no storage class takes a volume that is there already, which may be"
        " somebody else's."
    ),
    _lt("A default backend answers to every name that nobody else has."),
    _lt("A finalizer would keep the object, and its namespace, from being deleted."),
    _lt(
        "A label is up to 63 letters, digits, `-`, `_` and `.`, beginning and ending"
        " with a letter or digit; a DNS name and `/` may stand before it."
    ),
    _lt(
        "A pod may take {seconds} seconds to end at most: deletes and stops wait for"
        " it."
    ),
    _lt("A pod that names its node is not asked whether it may run there."),
    _lt("A privileged container owns the node."),
    _lt(
        "A program of the cluster's administrator refuses it: do what it says, or have"
        " its rule changed (`kubectl get"
        " validatingwebhookconfigurations,mutatingwebhookconfigurations`)."
    ),
    _lt(
        "A program that must agree to every such object does not answer. The cluster's"
        " administrator finds it with `kubectl get"
        " validatingwebhookconfigurations,mutatingwebhookconfigurations` and brings it"
        " back, or removes its configuration; the job is tried again."
    ),
    _lt(
        "A reset copies production into another environment, and the package has no"
        " other."
    ),
    _lt(
        "A rule of the cluster's administrator refuses it: do what it says, or have the"
        " policy changed (`kubectl get validatingadmissionpolicies`)."
    ),
    _lt("A rule without a host answers to every name."),
    _lt(
        "A schedule has five parts: minute (0-59), hour (0-23), day of the month"
        " (1-31), month (1-12), day of the week (0-6, Sunday is 0). Every night at"
        " three is `0 3 * * *`."
    ),
    _lt(
        "A value is up to 63 letters, digits, `-`, `_` and `.`, beginning and ending"
        " with a letter or digit."
    ),
    _lt(
        "A value that holds `: `, `#` or quotes must itself be quoted, for example with"
        " `| to_json`."
    ),
    _lt("A volume of the type {name} reaches outside the app."),
    _lt("A {kind} has no namespace."),
    _lt(
        "A {kind} may have 1 MiB. Divide it among several of other names, or have the"
        " pod fetch the data: from its image, from a volume, or by an init container."
    ),
    _lt("Add `accessModes: [ReadWriteOnce]`."),
    _lt("Add `httpGet`, `tcpSocket`, `exec` or `grpc` to the probe."),
    _lt("Add `pathType: Prefix` (or `Exact`)."),
    _lt("Add `port.number` or `port.name` of the Service."),
    _lt("Add `rules` with `host: {{{{ hostname }}}}` and a path to a Service."),
    _lt("Add `secret: true`, and leave out `type`."),
    _lt("Add `secret: true`: what is generated is kept in the cluster alone."),
    _lt("Add `values`."),
    _lt("Add `{field}`. {command} describes it."),
    _lt("Add `{kind}` to `needs.kinds`."),
    _lt("Add a volume of this name under `volumes` of the pod, or correct the name."),
    _lt("Add it to the choices, or take one of them."),
    _lt("Add it to the worker's settings, or correct the name of the cluster in Odoo."),
    _lt("Add it to this item of the list."),
    _lt(
        "Add manifests to the app, or delete the app: a deploy of nothing would remove"
        " all that runs."
    ),
    _lt(
        "Add the ServiceAccount to the manifest, before what uses it, or correct its"
        " name."
    ),
    _lt(
        "Add the key '{name}' to the app's config map or secret, or correct the"
        " manifest."
    ),
    _lt("Add the key '{name}' to the app's config map or secret."),
    _lt("Add the key to the app's config map or correct the manifest."),
    _lt(
        "Add the missing keys to the app's config map or secret, or correct the"
        " manifest."
    ),
    _lt("Add them to the app, or choose to reset it by starting from scratch."),
    _lt(
        "All annotations of an object together may have 256 KiB. Put long text into a"
        " ConfigMap instead."
    ),
    _lt("All records are right"),
    _lt("Allowed Annotations"),
    _lt("Allowed Kinds"),
    _lt("Also refused:"),
    _lt("An administrator may allow such Services in the cluster's policy."),
    _lt(
        "An administrator may allow this under Kubernetes > Configuration > Clusters >"
        " {cluster} > Policy: {setting}."
    ),
    _lt(
        "An administrator may change the class under Kubernetes > Configuration >"
        " Clusters > {cluster}: Ingress Class."
    ),
    _lt("An empty peer is everybody."),
    _lt(
        "An object may have about 1.5 MiB. Move what makes this {kind} so large into"
        " ConfigMaps of less than 1 MiB each, or out of the cluster."
    ),
    _lt("An operator may change the app's limits on its page Limits."),
    _lt("An owner would have the object deleted by somebody else."),
    _lt("Another plan is called `{title}`, too: customers could not tell them apart."),
    _lt("Another program would run the Job."),
    _lt("Another scheduler would choose the node."),
    _lt("Another worker made passwords for {namespace} at the same moment."),
    _lt("Another worker wrote the mail login of {namespace} at the same moment."),
    _lt("Apply config/rbac.yaml of this version to the cluster."),
    _lt(
        "Apply config/rbac.yaml of this version to the cluster; `chandlery check` says"
        " what still lacks. If the namespace has a RoleBinding {binding} that is not to"
        " the ClusterRole {role} and the worker's account, delete it: the worker makes"
        " its own."
    ),
    _lt(
        "As many pods as there are must stay, so that none could ever move, and its"
        " node cannot be taken out of service."
    ),
    _lt(
        "Ask for an amount within these limits. They are the namespace's LimitRange's:"
        " what the app gets is raised on its page Limits."
    ),
    _lt(
        "Ask the customer, or look into Mailgun's log of the domain. If it is not"
        " there, press Send Invitation Again."
    ),
    _lt("Begin the path with `/`."),
    _lt(
        "By the label `{key}` {program} takes objects out of every namespace for its"
        " own."
    ),
    _lt("Cancelled."),
    _lt("Chandlery itself gives `{name}`: another value has no effect."),
    _lt("Chandlery never takes over a namespace of another Odoo database."),
    _lt("Chandlery never takes over a namespace of somebody else."),
    _lt(
        "Chandlery never takes over an object. Remove or rename the {kind}; its name is"
        " Chandlery's own."
    ),
    _lt("Change the object so that it holds. {command} describes it."),
    _lt("Change the value, or the variable's `type`."),
    _lt("Change what stands there so that it holds. {command} describes the field."),
    _lt(
        "Change what the pod does, or have an administrator allow it in the cluster's"
        " policy: Pod Security."
    ),
    _lt("Check its spelling and indentation."),
    _lt("Check that the API server runs and is reachable from the worker."),
    _lt("Check that the URL leads to a manifest, or split it into several."),
    _lt(
        "Check that the URL leads to the right archive, and leave out of it what the"
        " manifests do not need."
    ),
    _lt("Check that the URL leads to the right archive."),
    _lt("Check that the server is reachable from the worker."),
    _lt("Check the URL, and that the server is reachable from the worker."),
    _lt("Check the URL, and the server behind it."),
    _lt("Check the certificates, tokens and commands named in the kubeconfig."),
    _lt("Check the claim's storage class and that its provisioner runs."),
    _lt("Check the cluster's `kubeconfig` and `context` in the worker's settings."),
    _lt("Check the credentials in the worker's kubeconfig for this cluster."),
    _lt(
        "Check the image's name and tag, that the registry can be reached from the"
        " cluster, and its pull secret."
    ),
    _lt(
        "Check the spelling of `{field}` and its indentation. {command} lists the"
        " fields that there are."
    ),
    _lt("Claim less."),
    _lt("Clear that up with Mailgun's support; then ask for the mail domain again."),
    _lt(
        "Correct /etc/resolv.conf, or name servers under [dns] in the worker's"
        " settings."
    ),
    _lt("Correct it."),
    _lt("Correct its name, or add it to `variables` or vars.yml."),
    _lt("Correct its name, or remove it."),
    _lt("Correct the URL to where it leads in the end, by https."),
    _lt("Correct the URL to where it leads in the end."),
    _lt("Correct the URL. If it is right:"),
    _lt(
        'Correct the URL. If that host is meant, whoever runs the worker adds "{place}"'
        " or its network to `allow` under [manifests] in the worker's settings."
    ),
    _lt(
        "Correct the chart or its values; `chandlery render CHART.tgz --vars FILE`"
        " shows the same."
    ),
    _lt(
        "Correct the folder; `chandlery render FOLDER.tar.gz --vars FILE` shows the"
        " same."
    ),
    _lt("Correct the line in the app's secret."),
    _lt("Correct the mail template or the customer's address, then send it again."),
    _lt("Correct the name, or add to the manifest what is meant by it."),
    _lt("Correct the name, or the variables it is made of."),
    _lt("Correct the path, or add the file."),
    _lt(
        "Correct the value in the app's config map; the chart's values.schema.json says"
        " what it may be."
    ),
    _lt("Correct the value, or make its type `string`."),
    _lt(
        "Correct what the Job complains about, then press Apply again: it starts from"
        " the beginning."
    ),
    _lt(
        "Correct what the Job complains about, then reset again: it starts from the"
        " beginning."
    ),
    _lt("Could not {doing}: Mailgun answered for {other} instead."),
    _lt("Could not {doing}: Mailgun {reason}."),
    _lt("Customers set `{name}`, and could change what the plan is paid for."),
    _lt("Customers set `{name}`, and with quotation marks in it: {problem}"),
    _lt("Deleted by an earlier attempt"),
    _lt("Did you mean `{known}`?"),
    _lt("Did you mean `{near}`?"),
    _lt("Divide the repository into several."),
    _lt(
        "Either Mailgun does not show a new domain yet (this passes), or it was deleted"
        " there or lives in the other region; the worker's is {region}."
    ),
    _lt(
        "Every Kubernetes has this kind: see whether the API server's group is switched"
        " off."
    ),
    _lt(
        "Every document needs `apiVersion`, `kind` and `metadata`. A text such as `---`"
        " in the wrong place cuts a document in two."
    ),
    _lt("Every document needs apiVersion, kind and metadata."),
    _lt(
        "Every document needs texts in `apiVersion` and `kind`, such as `apps/v1` and"
        " `Deployment`."
    ),
    _lt("Every object needs apiVersion, kind and metadata.name."),
    _lt("Everything is ready"),
    _lt("Free or add resources in the cluster, or lower what the manifest requests."),
    _lt("Give an SVG or PNG of at most 32 KiB."),
    _lt("Give each a title of its own."),
    _lt("Give each port of the Service a `name`: with more than one they need it."),
    _lt("Give it a /tmp that it may write to, or set TMPDIR."),
    _lt("Give it a `default` (or a value in vars.yml), or say `required: true`."),
    _lt("Give it a value of texts, numbers, lists and mappings."),
    _lt("Give it one in metadata.name."),
    _lt("Give the URL of a tar archive that is packed with gzip (.tgz or .tar.gz)."),
    _lt(
        "Give the URL of what `helm package` makes, such as"
        " https://example.com/charts/shop-1.2.0.tgz."
    ),
    _lt("Give the address of the folder that the repository's index.json is in."),
    _lt(
        "Give the app another name. If the app shall take the domain over, set its DKIM"
        " selector at Mailgun to '{selector}' (PUT /v3/domains/{name}/dkim_selector) or"
        " delete it there, then try again."
    ),
    _lt("Give the app's first password as a plain value, or let it be generated."),
    _lt("Give the manifest a URL that begins with https://."),
    _lt("Give the one in `{other}` another version, or remove one of the two."),
    _lt(
        "Give the worker an API key of the account (Mailgun: Account > API Security)"
        " that is valid for {address}. A domain's sending key is not enough."
    ),
    _lt("Give the worker an API key of the account (Mailgun: Account > API Security)."),
    _lt(
        "Give the worker's account this permission; `chandlery check` lists all that it"
        " lacks."
    ),
    _lt("Give the {reserved} another name."),
    _lt("Handed back: the worker stops."),
    _lt("Have the cluster's administrator add a class with a provisioner."),
    _lt("Hook {reference}"),
    _lt("Hook {reference}: done"),
    _lt("Hook {reference}: {waiting}"),
    _lt(
        "If it is, an operator takes it over in Odoo: Kubernetes > Configuration >"
        " Namespaces Found."
    ),
    _lt(
        "If it shall be this app's, an operator takes it over in Odoo: Kubernetes >"
        ' Configuration > Namespaces Found. Otherwise press "New Namespace" on the app'
        " and apply it again."
    ),
    _lt(
        "If it was registered moments ago, this passes. Otherwise it belongs to another"
        " Mailgun account, or to this one in another region than {region}."
    ),
    _lt("Ingresses"),
    _lt(
        "Install what provides this kind in the cluster, or correct kind and"
        " apiVersion."
    ),
    _lt("Install what provides this kind, or correct apiVersion and kind."),
    _lt(
        "Install {name} where the worker runs, or set artefacts.{name} in its settings;"
        " `chandlery check` says whether it is found."
    ),
    _lt(
        "It belongs to another Mailgun account, or to this one in another region than"
        " {region}. Delete it there, ask Mailgun's support to release it, or give the"
        " app another name."
    ),
    _lt("It did not answer in time."),
    _lt("It has {number} packages; {most} are read."),
    _lt(
        "It is applied when the old one is gone. A finalizer that stays belongs to a"
        " program that no longer runs: bring that back, or take the finalizer away with"
        " `kubectl edit`."
    ),
    _lt(
        "It is marked `immutable: true`. Give the {kind} another name, and use that in"
        " the pods: the deploy then removes the old one. Or delete it with `{delete}`"
        " and deploy again."
    ),
    _lt("It is no index of packages: {error}."),
    _lt("It is tried again. Can the worker's machine reach {address}?"),
    _lt("It is tried again. Mailgun tells about disturbances on its status page."),
    _lt("It was not looked at yet."),
    _lt("Its format is {format}."),
    _lt("Its log cannot be read: {reason}."),
    _lt(
        "Its pod does not end, or something holds it with a finalizer. The next attempt"
        " goes on from here."
    ),
    _lt("Job {name}: done"),
    _lt("Job {name}: {line}"),
    _lt(
        "Keep one of the two and remove the other; each volume and each probe is of one"
        " type."
    ),
    _lt("Keep one of the two."),
    _lt("Keep one of the two. {command} says what each means."),
    _lt("Keep one of the two: the invitation tells one password."),
    _lt("Leave it out for the cluster's default class, or name one."),
    _lt("Leave it out of the plan, or leave out its `set_by`."),
    _lt("Leave it out of the plan."),
    _lt("Leave it out, or add the ServiceAccount to the manifests."),
    _lt("Leave it out: archives hold files and folders only."),
    _lt("Leave out `required`."),
    _lt("Leave out `type`."),
    _lt("Leave the address out to use {url} or set one that begins with https://."),
    _lt("Line {line}: {way}"),
    _lt("Lines {lines}: {way}"),
    _lt("List them under `except`, or name a smaller network."),
    _lt("LoadBalancer Services"),
    _lt(
        "Look at the domain and the account at Mailgun: one of them may be disabled, or"
        " the key may lack the role."
    ),
    _lt(
        "Look at what has changed in the manifest's form in Odoo, then press Pin there:"
        " what waits for it goes on by itself."
    ),
    _lt("Look for loops in the templates that go round too often, or divide it."),
    _lt("Look for loops in the templates that go round too often."),
    _lt(
        "Look for the recipient in Mailgun's log of the domain. If the mail is not"
        " there, send it again."
    ),
    _lt(
        "Look with kubectl what is so large, and delete what is not needed. If it is"
        " nothing, something else than an API server answers there."
    ),
    _lt(
        "Look with kubectl what makes so many, and delete what is not needed: `kubectl"
        " get` with the flag --chunk-size shows them in parts."
    ),
    _lt(
        "Mailgun did not confirm the mail to {recipients}, which may have been sent: it"
        " {error}."
    ),
    _lt("Mailgun does not see the DNS records yet"),
    _lt("Mailgun does not see the DNS records yet: {records}"),
    _lt("Mailgun has disabled the mail domain {name}."),
    _lt("Mailgun has disabled the mail domain {name}: {reason}."),
    _lt("Mailgun limits the requests of an account a minute. It is tried again."),
    _lt(
        "Mailgun says of the mail domain {name} that it exists, but does not show it:"
        " {message}."
    ),
    _lt("Mailgun sees the DNS records"),
    _lt("Manifests may not hold {name} objects on this cluster."),
    _lt("Mounts would pass between the node and the container."),
    _lt("Name a class with a provisioner: {names}."),
    _lt("Name a file below the package's folder, without `..`."),
    _lt("Name another Secret."),
    _lt(
        "Name the file that holds the password of `{id}` in the worker's settings,"
        " [vault.password_files], or give `chandlery render` --vault-id {id}@FILE."
    ),
    _lt(
        "Name the folder at the end of the URL, such as"
        " https://example.com/shop.tar.gz#overlays/prod."
    ),
    _lt("Name the others in `environments`, such as `[prod, int]`."),
    _lt("Name them by the label kubernetes.io/metadata.name."),
    _lt("Network Policy"),
    _lt("No HTTP client can be made: {error}."),
    _lt("No HTTP client: {error}"),
    _lt("No manifest uses `{name}`."),
    _lt("No pod could ever move, so that its node cannot be taken out of service."),
    _lt("No policy allows this."),
    _lt("NodePort Services"),
    _lt("Nothing of the app is in the cluster."),
    _lt("Nothing of the app is in the namespace {namespace}"),
    _lt("Nothing of the app runs in the namespace {namespace}"),
    _lt("Nothing to remove"),
    _lt(
        "Nothing was changed. Look at the list again (Kubernetes > Configuration >"
        " Namespaces Found); it is a minute old at most."
    ),
    _lt("Nothing was running"),
    _lt("Nothing was stopped"),
    _lt("Nothing would change; 1 object stays as it is"),
    _lt("Nothing would change; {number} objects stay as they are"),
    _lt("Objects need a fixed name; a generated one would be another at every deploy."),
    _lt(
        "Objects outside the app's namespace are never taken over. Give yours a name of"
        " its own, for example with the namespace in it."
    ),
    _lt(
        "Odoo's addons and the worker are of versions that do not fit together: update"
        " the older one."
    ),
    _lt(
        "Odoo's addons make no such app: whoever changed its record has to put it right"
        " there."
    ),
    _lt("One of its texts is longer than {number} KiB."),
    _lt(
        "Only some contents of a secret make this a manifest; with another one of the"
        " same shape: {problem}"
    ),
    _lt("Open the link again in an up-to-date browser."),
    _lt("Pack it anew, each file once."),
    _lt(
        "Pack the folder itself: `tar -czf shop.tar.gz shop`. Paths are relative and"
        " have no `..`."
    ),
    _lt("Pod Security (Baseline or Privileged)"),
    _lt("Pod Security (Privileged)"),
    _lt("Pod Security {level}, {check}"),
    _lt("Pods with this ServiceAccount would get a token of the cluster."),
    _lt("Press Apply to deploy it."),
    _lt("Press Apply to deploy it; then it can be reset."),
    _lt("Press Apply to deploy the app, then try again."),
    _lt("Press Apply to deploy the app."),
    _lt(
        "Press Apply: it makes what is missing. Start only brings back what was"
        " stopped."
    ),
    _lt("Production cannot be read: {problem}"),
    _lt("Production is never reset."),
    _lt(
        "Put a copy of the file in the link's place: archives hold files and folders"
        " only."
    ),
    _lt("Put it in quotation marks."),
    _lt("Put parts of them into the template, or split it into several."),
    _lt("Put right what Mailgun names, then try again."),
    _lt("Put the file itself there instead of a link."),
    _lt(
        "Put the old size back, or have the administrator set `allowVolumeExpansion:"
        " true` on the StorageClass, if its driver can. A larger volume by another name"
        " begins empty."
    ),
    _lt(
        "Put the old size back. Less space needs a claim of another name: it begins"
        " empty, and the old volume stays until somebody deletes it."
    ),
    _lt(
        "Put the old value back, or delete the Service with `{delete}` and deploy"
        " again: it gets another address under the same name."
    ),
    _lt(
        "Put the old value back. A volume that is otherwise needs a claim of another"
        " name: it begins empty, and the old volume stays until somebody deletes it."
    ),
    _lt(
        "Put the old value back. Or delete the StatefulSet alone with `{delete}"
        " --cascade=orphan`, which leaves its pods and volumes as they are, and deploy"
        " again: it is made anew around them. Volumes that exist keep their size."
    ),
    _lt(
        "Put the old value back. Or give the object another name: the deploy then"
        " removes the old one. Or delete it with `{delete}` and deploy again."
    ),
    _lt(
        "Put the old value back. Or give the {kind} another name: the deploy then"
        " removes the old one with its pods. Or delete it with `{delete}` and deploy"
        " again; it does not run meanwhile."
    ),
    _lt("Put {what} into a config map or secret."),
    _lt("Quota"),
    _lt("Quote it."),
    _lt("Quote it: a name of digits is a number otherwise."),
    _lt(
        'Quote what stands there, for example `"{{{{ value }}}}"` or `{{{{ value |'
        " string | to_json }}}}`: without quotes, digits become a number and `yes` a"
        " boolean."
    ),
    _lt(
        "Raise `spec.activeDeadlineSeconds` of the Job, or find in its log what takes"
        " so long."
    ),
    _lt(
        "Raise the limit of this resource to at least its request, or lower the"
        " request."
    ),
    _lt(
        "Raise what the app gets on its page Limits and press Apply, or lower what the"
        " manifest asks for."
    ),
    _lt(
        "Read the container's log (`kubectl logs --previous`) and correct what it"
        " complains about."
    ),
    _lt("Read the log of the Job's pods, and correct what they complain about."),
    _lt(
        "Remove `paused: true` from the manifest and deploy again; where somebody"
        " paused it by hand, `kubectl rollout resume` goes on."
    ),
    _lt("Remove `spec.selector`: the cluster writes it for every Job."),
    _lt("Remove `values`, or say `In` or `NotIn`."),
    _lt("Remove `{field}`, or change what excludes it."),
    _lt(
        "Remove from the pod what is named. An administrator may allow it in the"
        " cluster's policy: Pod Security."
    ),
    _lt(
        "Remove it, or correct its name: kind and API group, such as"
        " `Certificate.cert-manager.io`."
    ),
    _lt("Remove it, or have `{name}` allowed."),
    _lt("Remove it, or name one of the app's own namespace."),
    _lt("Remove it, or write a class that `kubectl get priorityclasses` lists."),
    _lt("Remove it."),
    _lt("Remove it: Chandlery makes the app's namespace itself."),
    _lt(
        "Remove it: `kubectl get -o yaml` shows it, but it belongs to the object in a"
        " cluster, not in a manifest."
    ),
    _lt("Remove it: without it the app's own pods are meant."),
    _lt("Remove metadata.namespace, or write `{{{{ namespace }}}}`."),
    _lt("Remove metadata.namespace."),
    _lt("Remove one of the two, or name it otherwise."),
    _lt("Remove one of them, or give it another name."),
    _lt("Remove one of them."),
    _lt("Remove one."),
    _lt("Remove or rename the one in the cluster, or give the app another name."),
    _lt("Remove some items of the list, or divide them among several objects."),
    _lt(
        "Remove the address: the cluster gives the Service one, and its name leads"
        " there."
    ),
    _lt(
        "Remove the value: let it be `generated`, or `required` of who installs the"
        " package."
    ),
    _lt("Renew the credentials in the worker's kubeconfig for this cluster."),
    _lt("Reset the app of another environment instead."),
    _lt(
        "Run `chandlery package index` on the repository's folder, and put the file"
        " there."
    ),
    _lt(
        "Say from where: pods of the app, or namespaces by the label"
        " kubernetes.io/metadata.name."
    ),
    _lt("Say where to."),
    _lt("Secret {name} changed"),
    _lt("Secret {name} created"),
    _lt("Secret {name} unchanged"),
    _lt(
        "Secrets of the type {shown} are another program's: the cluster's token"
        " controller puts tokens into some."
    ),
    _lt(
        "See that the app's secret has a line of this key with a value or a rule to"
        " generate one, press Apply, then try again."
    ),
    _lt(
        "See the object's events in the cluster (`kubectl describe`), correct the cause"
        " and deploy again."
    ),
    _lt(
        "See whether all secrets have the right values. Use a secret only as a value,"
        " with `| to_json` around it, and neither in conditions, loops, indexes and"
        " sums nor in names: what a secret's content decides belongs into the config"
        " map."
    ),
    _lt(
        "See whether the command that the kubeconfig names for them (`exec`) comes to"
        " its end."
    ),
    _lt(
        "See whether the servers under [dns] in the worker's settings, or those of its"
        " machine, can be reached."
    ),
    _lt("Select the app's pods."),
    _lt("Sent to {recipients}"),
    _lt("Services"),
    _lt(
        "Set [mailgun] in the worker's settings; `chandlery check` says whether it"
        " works."
    ),
    _lt(
        "Set `in_cluster` only for a worker that runs as a pod with a service account;"
        " otherwise name a kubeconfig."
    ),
    _lt(
        "Set mailgun.sending_domain to the same domain in the settings of all workers"
        " that have a Mailgun key."
    ),
    _lt("Set the DNS records by hand, or put that right."),
    _lt(
        "Set the value that the chart would make up otherwise, such as a password, in"
        " the app's config map or secret."
    ),
    _lt(
        "Shorten it to at most {most} characters, for example by `{{{{ value[:{most}]"
        " }}}}`."
    ),
    _lt("Shorten it."),
    _lt(
        "Shorten the name to at most 52 characters: the cluster adds 11 to the names of"
        " its Jobs."
    ),
    _lt("Somebody changed the secret by hand: put a text there."),
    _lt("Somebody else has the mail domain {name} at Mailgun: {message}."),
    _lt("Somebody else wrote on the namespace {namespace} at the same moment."),
    _lt("Somebody has deleted the app's namespace; the next attempt makes it anew."),
    _lt(
        "Something else changed the object at the same moment; the next attempt usually"
        " succeeds."
    ),
    _lt(
        "Something else writes to it again and again: see who does (`kubectl get"
        " --show-managed-fields`), and let it stop."
    ),
    _lt(
        "Something holds it, usually a finalizer whose controller does not run. The"
        " next attempt goes on from here."
    ),
    _lt("Start it instead."),
    _lt("Static Storage Classes"),
    _lt("Still in the cluster: {what}."),
    _lt("Still running: {what}."),
    _lt("Stopped"),
    _lt(
        "Switch it off by the chart's values. What it does belongs into a Job, as a"
        " hook of an installation or an upgrade or in a manifest of its own."
    ),
    _lt(
        "Switch it off by the chart's values; a reset manifest's own Jobs are run as"
        " they stand there."
    ),
    _lt("TXT {name} (something else is there)"),
    _lt("Take `type: text`, or leave out `set_by`."),
    _lt("Take another name, or leave it out."),
    _lt(
        "Take it out of the URL; whoever runs the worker sets what the host needs under"
        " [manifests.hosts] in the worker's settings."
    ),
    _lt(
        "Take one of its own, {own}: `nodePort: {{{{ node_ports[0] }}}}`, without"
        " quotation marks."
    ),
    _lt(
        "Take the time zone out of the schedule, and write it as `timeZone:"
        " Europe/Berlin` beside it."
    ),
    _lt("That is the work of kube-controller-manager: see whether it runs."),
    _lt("The API server finds {number} things wrong:"),
    _lt("The API server is overloaded or one of its parts is down; it usually passes."),
    _lt("The AppArmor profile must be RuntimeDefault or Localhost."),
    _lt("The AppArmor profile must be runtime/default or localhost/…."),
    _lt("The DNS did not answer for {name}: {error}."),
    _lt("The DNS servers of this machine cannot be read: {error}."),
    _lt("The Ingress names the class {shown}, and the cluster has none in Odoo."),
    _lt("The Ingress names the class {shown}, but the cluster's is {own}."),
    _lt("The Mailgun API key is empty."),
    _lt(
        "The Mailgun account has the domain {name} already, but Chandlery did not"
        " register it for this app."
    ),
    _lt(
        "The PodDisruptionBudget {name} is about the same pods: with two, no pod can"
        " move."
    ),
    _lt(
        "The ResourceQuota {name} is not Chandlery's: whoever made it raises it, or the"
        " manifest asks for less."
    ),
    _lt("The SELinux type {shown} is not one of containers."),
    _lt("The SELinux {name} may not be set."),
    _lt(
        "The Secret is Chandlery's: a certificate would be written over what is in it."
    ),
    _lt("The Service would have an address of its own outside the cluster."),
    _lt("The Service would lead to another host."),
    _lt("The Service would take a port of every node that is not one of the app's."),
    _lt("The Service would take a port of every node."),
    _lt("The Service would take this address, whoever it belongs to."),
    _lt("The Service would take this port of every node."),
    _lt("The Service would take traffic to these addresses, whoever they belong to."),
    _lt("The URL cannot be used: `{scheme}` is not fetched."),
    _lt("The URL cannot be used: {reason}."),
    _lt("The URL holds a login, which everybody who sees the URL could read."),
    _lt("The URL names no host."),
    _lt("The URL {address} cannot be that of a repository: {reason}."),
    _lt("The admission webhook {name} answers with something else than a review."),
    _lt("The admission webhook {name} cannot be called: {why}."),
    _lt(
        "The annotation counts before the field `storageClassName`, and not every"
        " program knows it."
    ),
    _lt(
        "The app has as many of these objects as any app may have, whatever its limits"
        " are. Have the manifests hold fewer, or delete those that nobody needs:"
        " `kubectl get {plural}` in its namespace lists them."
    ),
    _lt("The app has no ingress"),
    _lt("The app has no password under the key `{key}`."),
    _lt("The app has no reset manifests."),
    _lt("The app is not in the cluster."),
    _lt("The app is not in the cluster: there is no namespace {namespace}."),
    _lt("The app is stopped; there is nothing to restart."),
    _lt(
        "The app's namespace has a {kind} {name} that Chandlery did not make for this"
        " app."
    ),
    _lt(
        "The app's {what} {value} is no {is}, so that a manifest could say something"
        " else with it."
    ),
    _lt("The archive cannot be read: {error}."),
    _lt("The archive has more than {number} entries."),
    _lt("The archive holds `{shown}` twice."),
    _lt("The archive holds `{shown}`, which is neither a file nor a folder."),
    _lt("The archive holds no `kustomization.yaml` in its folder `{folder}`."),
    _lt("The archive holds no files."),
    _lt(
        "The archive holds the link `{shown}`, and could lead out of its folder by it."
    ),
    _lt("The archive holds the path `{shown}`, which is not below its own folder."),
    _lt("The archive is larger than {number} MiB, unpacked."),
    _lt("The archive is no Helm chart: it holds no folder with a `Chart.yaml`."),
    _lt("The browser's public key cannot be used: {reason}."),
    _lt("The capability {name} may not be added: only NET_BIND_SERVICE."),
    _lt("The capability {shown} reaches beyond the container."),
    _lt(
        "The chart has a hook (`{hook}`) of the kind {kind}, and it is not known when"
        " that has done its work."
    ),
    _lt(
        "The chart has a hook `{event}`, which is not run: only those of an"
        " installation and an upgrade are."
    ),
    _lt("The chart's values.schema.json refuses the value: {message}"),
    _lt(
        "The claim looks for a volume that is there already, which may be somebody"
        " else's."
    ),
    _lt("The claim names a volume, which may be somebody else's."),
    _lt(
        "The claim names no storage class, and the cluster has no default one: it would"
        " take a volume that is there already, which may be somebody else's."
    ),
    _lt("The claim would begin as a copy of another namespace's data."),
    _lt("The cluster at {url} cannot be reached: {error}."),
    _lt("The cluster at {url} cannot {doing} now: {message}"),
    _lt("The cluster at {url} did not answer within {seconds} s."),
    _lt("The cluster at {url} does not accept the worker's credentials."),
    _lt("The cluster cannot {doing} now: {message}."),
    _lt("The cluster cannot {doing} yet: {message}"),
    _lt("The cluster does not know {kind} of {api_version}."),
    _lt("The cluster does not let the worker {doing}: {message}"),
    _lt(
        "The cluster has no external-dns with its kind DNSEndpoint. Set the DNS records"
        " by hand"
    ),
    _lt("The cluster has not counted what {namespace} uses."),
    _lt(
        "The cluster no longer serves this kind: install what provides it, or correct"
        " apiVersion and kind."
    ),
    _lt("The cluster refused to {doing}: {message}"),
    _lt(
        "The cluster refuses the object as a whole, in these words. {command} describes"
        " its fields; `kubectl apply --server-side --dry-run=server` tries it without a"
        " deploy."
    ),
    _lt("The cluster serves {kind} as {elsewhere}."),
    _lt("The condition on `{key}` looks at no value."),
    _lt("The condition on `{key}` names no values."),
    _lt("The container must drop all capabilities: `drop: [ALL]`."),
    _lt("The container must not run as root."),
    _lt("The container must set allowPrivilegeEscalation to false."),
    _lt(
        "The container used more memory than its limit: raise"
        " `resources.limits.memory`, or have the app use less."
    ),
    _lt("The container would be a process of the node."),
    _lt("The container would listen on an address of the node."),
    _lt("The container would see more of the node's /proc than others."),
    _lt("The container would take a port of the node."),
    _lt("The credentials for the cluster at {url} cannot be used: {error}."),
    _lt("The credentials for {url} cannot be used: {error}."),
    _lt("The credentials for {url} were not there within {seconds} s."),
    _lt("The default of `{name}` is none of its choices."),
    _lt(
        "The definition of the kind was changed since it was applied. Delete it with"
        " `{command}` and deploy again."
    ),
    _lt("The digest of `{path}` is none."),
    _lt("The end of the log of pod {pod}, container {container}:"),
    _lt("The field `apiVersion` must be a text such as `v1` or `apps/v1`."),
    _lt(
        "The field `items` must be a list: what has it is a list of objects to kubectl."
    ),
    _lt("The field `kind` is missing: it says what the document describes."),
    _lt("The field `kind` must be a text that is not empty."),
    _lt("The field `metadata.{name}` must be a mapping."),
    _lt("The field `metadata.{name}` must be a text; quote it."),
    _lt("The field `metadata` must be a mapping."),
    _lt("The field `{field}` of an object depends on a secret."),
    _lt("The field `{name}` is not one that manifests may use here."),
    _lt("The file `{name}`, which the template uses: {message}"),
    _lt("The file cannot be read: {error}."),
    _lt("The file is longer than {number} KiB."),
    _lt("The file is not the picture that its name says."),
    _lt("The folder `{folder}` is not below the repository's."),
    _lt("The folder's name is no text in UTF-8."),
    _lt("The generated value of {key} in the cluster is not text."),
    _lt("The hooks of a chart are not run in a reset."),
    _lt(
        "The host `{host}` has the address {addresses}: manifests are fetched from the"
        " internet only."
    ),
    _lt(
        "The host `{host}` is asked over http: whoever is on the way could change the"
        " manifest."
    ),
    _lt("The index has a picture that the package does not name."),
    _lt("The index has no picture `{name}`."),
    _lt("The index is larger than {number} KiB."),
    _lt("The index is not a text in UTF-8 (first wrong byte in line {line})."),
    _lt("The ingress controller has not written an address to {names} yet"),
    _lt(
        "The invitation to {recipients} may have been sent: an earlier attempt was cut"
        " off while it sent it."
    ),
    _lt(
        "The items of this list within a list are taken out, too; kubectl refuses such"
        " a list."
    ),
    _lt("The job is no longer this worker's."),
    _lt(
        "The job starts again when it is gone. If it stays for long, see the"
        " namespace's conditions in the cluster."
    ),
    _lt("The kubeconfig {path} cannot be used: {error}."),
    _lt("The label `{key}` cannot have the value `{value}`."),
    _lt("The mail cannot be sent: {wrong}."),
    _lt("The manifest has changed: it is pinned to {pin}, and now is {digest}."),
    _lt("The manifest is larger than {number} KiB."),
    _lt("The manifest is not a text in UTF-8 (first wrong byte in line {line})."),
    _lt(
        "The manifest is pinned, and uses the file `{name}` by a name that is computed:"
        " the pin does not cover it."
    ),
    _lt(
        "The manifests depend on a secret in a way that Chandlery does not tell: with"
        " its real content they fail or are refused, or become something else than with"
        " other contents of the same shape. Where and why is not told, since it would"
        " tell of the secret."
    ),
    _lt("The manifests have no ServiceAccount `{shown}`."),
    _lt(
        "The manifests have objects of the kind {kind}, which not every cluster knows."
    ),
    _lt("The manifests hold no objects."),
    _lt(
        "The name of an included file depends on a secret, or whether a file is"
        " included does. Nothing was fetched under that name."
    ),
    _lt("The name {name} is not the app's: that is {hostname}."),
    _lt("The name {name} is taken: Chandlery keeps {purpose} there."),
    _lt("The namespace is being deleted; the job starts again when it is gone."),
    _lt(
        "The namespace {namespace} exists and belongs to another Odoo database,"
        " {database}."
    ),
    _lt(
        "The namespace {namespace} exists and belongs to another app: {whose}. An app"
        " of the same name that Odoo has forgotten, as after the restore of a backup,"
        " is another app."
    ),
    _lt(
        "The namespace {namespace} exists and was made by an older version of Chandlery"
        " for {whose}: it has no uid, so nothing proves that it is this app's."
    ),
    _lt("The namespace {namespace} exists and was not made by Chandlery."),
    _lt("The namespace {namespace} is not in the cluster"),
    _lt(
        "The namespace {namespace} is not in the cluster: there is nothing to restart."
    ),
    _lt(
        "The namespace {namespace} is not the one that was chosen any more: it was made"
        " anew or given to another app since."
    ),
    _lt("The namespace {namespace} is not there yet: all of 1 object would be created"),
    _lt(
        "The namespace {namespace} is not there yet: all of {number} objects would be"
        " created"
    ),
    _lt("The namespace {namespace} is still being deleted"),
    _lt("The namespace {namespace} is still being deleted."),
    _lt("The namespace {namespace} is this app's"),
    _lt("The namespace {name} is not this app's in any environment."),
    _lt(
        "The namespace's ResourceQuota keeps its pods out: raise it, or lower what the"
        " manifest asks for."
    ),
    _lt(
        "The namespace's quota counts {missing}: write it under `resources` of each"
        " container."
    ),
    _lt("The next attempt finds out what that was."),
    _lt("The next attempt uses that one."),
    _lt("The next attempt uses those."),
    _lt("The node would ask another host on the pod's behalf."),
    _lt(
        "The number is too large for this field, which has 32 bits: the API server"
        " would take another one for it, in silence."
    ),
    _lt("The object has no name."),
    _lt("The object has no {field}."),
    _lt("The object stands in the namespace {given}, but the app's is {own}."),
    _lt("The object's name has {number} characters, more than 253."),
    _lt("The object's name is empty."),
    _lt("The object's name is not a text."),
    _lt(
        "The path becomes part of the ingress controller's configuration, and holds"
        " signs that mean something there."
    ),
    _lt("The picture cannot be read: {error}."),
    _lt("The picture has {number} KiB."),
    _lt("The pod asks for the cluster's control plane."),
    _lt(
        "The pod does not end, or the node it runs on is away. The next attempt goes on"
        " waiting; `kubectl describe` says more."
    ),
    _lt(
        "The pod or the container must have the seccomp profile RuntimeDefault or"
        " Localhost."
    ),
    _lt("The pod or the container must set runAsNonRoot to true."),
    _lt(
        "The pod would be placed by pods of other namespaces, and could keep them from"
        " starting."
    ),
    _lt(
        "The pod would come before others, and displace other apps' pods or the"
        " cluster's own."
    ),
    _lt("The pod would get a token of the cluster."),
    _lt("The pod would run on every node, whatever it is reserved for."),
    _lt("The pod would run on nodes that are reserved or taken out of service."),
    _lt("The pod would run on the cluster's control plane."),
    _lt("The pod would share the node's {what}."),
    _lt(
        "The pod would stay on a node that is not there: write `effect: NoExecute` and"
        " `tolerationSeconds`."
    ),
    _lt(
        "The quota is new and not counted yet; the job is tried again. If it stays so,"
        " the cluster's controller manager does not run."
    ),
    _lt("The rule for `{key}` (secret) cannot be followed: {reason}."),
    _lt("The rule lets everybody in."),
    _lt("The rule lets in addresses instead of pods."),
    _lt("The rule lets the pods out into networks that are not the internet: {open}."),
    _lt(
        "The rule lets the pods out to everywhere, also into the cluster's own"
        " networks."
    ),
    _lt(
        "The rule selects namespaces, but does not name them: other apps' may be among"
        " them."
    ),
    _lt(
        "The same object stands in {manifest}, document {document}, line {line}"
        " already."
    ),
    _lt("The seccomp profile must be RuntimeDefault or Localhost."),
    _lt("The server answered with a web page, not with a manifest."),
    _lt("The server answered with a web page, not with an index."),
    _lt("The server answered {status}."),
    _lt("The server cannot be reached: {error}."),
    _lt("The server did not answer in full within {seconds} s."),
    _lt("The server redirects more than {redirects} times."),
    _lt("The server redirects to what is no URL."),
    _lt("The server redirects: {message}"),
    _lt("The server wants a login: publish the index where the worker may read it."),
    _lt("The server wants a login: publish the manifest where the worker may read it."),
    _lt("The setting {shown} is not the pod's alone."),
    _lt("The value of `{key}` (secret) is not YAML."),
    _lt(
        "The value of `{key}` (secret) is {what}, so that it cannot be told to the"
        " customer."
    ),
    _lt(
        "The value of `{key}` becomes part of the ingress controller's configuration,"
        " and holds signs that mean something there."
    ),
    _lt(
        "The value of `{key}` {problem}: the program that reads it is shared with"
        " others."
    ),
    _lt("The value of `{name}` cannot be written as YAML."),
    _lt("The value of `{one}` in `metadata.{name}` must be a text; quote it."),
    _lt("The values of {keys} in `metadata.{name}` must be texts; quote them."),
    _lt("The volume is a folder of the node."),
    _lt("The worker asked {address}."),
    _lt(
        "The worker asked {address}. If that is Mailgun, its API has changed: update"
        " the worker."
    ),
    _lt(
        "The worker asked {address}. Is that Mailgun's address, and does no proxy"
        " answer in its place?"
    ),
    _lt("The worker can make no folder for temporary files: {error}."),
    _lt("The worker cannot read this job: {reason}."),
    _lt(
        "The worker cannot {doing} the ClusterRole {role}, which gives it its rights in"
        " apps' namespaces."
    ),
    _lt("The worker could not encrypt the password."),
    _lt(
        "The worker could not {doing}: the cluster at {url} answers with more than"
        " {size}, which is not read."
    ),
    _lt(
        "The worker could not {doing}: the cluster at {url} has more than {number} of"
        " them, which are not read."
    ),
    _lt("The worker does not run inside a cluster: {error}."),
    _lt("The worker finds no program at {path}, where its settings have {name}."),
    _lt("The worker finds no program {name}."),
    _lt("The worker has no rights in the namespace {namespace}: {reason}."),
    _lt(
        "The worker may not {what} in the whole cluster; config/rbac-watch.yaml lets"
        " it."
    ),
    _lt("The worker met a defect of its own while it did this job."),
    _lt("The worker met a defect of its own while reading the index."),
    _lt("The worker met a defect of its own while rendering."),
    _lt("The worker's log says where; report it to Chandlery's developers."),
    _lt("The worker's machine gives no random numbers."),
    _lt("The {plural} of the cluster at {url} cannot be watched: {error}."),
    _lt("The {word} `{key}` is Chandlery's: it says whose the object is."),
    _lt("The {word} `{key}` is for the program that {domain} belongs to."),
    _lt("There are two plans `{name}`."),
    _lt("There are two variables `{name}`."),
    _lt("There is no field `{name}` in the metadata of an object."),
    _lt("There is no file `{path}` in the package, as far as the index knows."),
    _lt("There is no file `{path}` in the package."),
    _lt("There is no mail domain {name} of the former app at Mailgun"),
    _lt("There is no manifest at this URL: correct it, or put the file there."),
    _lt("There is no namespace {namespace} in the cluster any more."),
    _lt("There is no variable `{name}`, which the plan sets."),
    _lt("There is nothing to restart"),
    _lt("There was nothing to delete"),
    _lt("This cannot be changed on an object that exists."),
    _lt("This document is not a Kubernetes object: it is not a mapping."),
    _lt("This document is not a mapping with `apiVersion` and `kind`."),
    _lt("This must be a list."),
    _lt("This must be a mapping."),
    _lt("This must be a whole number of pods, or a percentage as text."),
    _lt(
        "This value is base64: write `{{{{ value | b64encode }}}}`; plain text belongs"
        " under `data`."
    ),
    _lt(
        "This worker does not send from '{wanted}', which is neither the app's mail"
        " domain nor its sending domain."
    ),
    _lt("This worker does not serve the cluster '{name}'."),
    _lt("This worker has no Mailgun account in its settings."),
    _lt("This worker reads the format 1: update the worker."),
    _lt("Use a Deployment or a Job: they replace a pod whose node is gone."),
    _lt(
        "Use a URL that begins with https:// (or http://, where the worker's settings"
        " allow that)."
    ),
    _lt(
        "Use an Ingress, or give the app ports of its own: `needs.node_ports` of its"
        " package, “Node Ports” on its page Limits."
    ),
    _lt("Use an Ingress."),
    _lt(
        'Use https://. Where the host has none, whoever runs the worker adds "{host}"'
        " to `allow_http` under [manifests] in the worker's settings."
    ),
    _lt("Use letters, digits and `_` in the names of environment variables."),
    _lt("Use letters, digits, `-`, `_` and `.` in the names of keys."),
    _lt(
        "Use letters, digits, `-`, `_` and `.` only, at most 63 of them, with a letter"
        " or digit at both ends. Other text belongs under metadata.annotations."
    ),
    _lt(
        "Use lower-case letters, digits and `-` only, with a letter at the beginning"
        " and a letter or digit at the end."
    ),
    _lt(
        "Use lower-case letters, digits and `-` only, with a letter or digit at both"
        " ends, for example by `{{{{ name | lower | regex_replace('[^a-z0-9]+', '-')"
        " }}}}`."
    ),
    _lt("Use the address of the raw file."),
    _lt(
        "Values under `data` are base64: write `{{{{ value | b64encode }}}}`, or put"
        " the plain text under `stringData`."
    ),
    _lt("Volumes of the type {name} may not be mounted."),
    _lt("Waiting until {what} has ended"),
    _lt("Waiting until {what} is gone"),
    _lt(
        "What a secret's content decides belongs into the config map: put the name, the"
        " key or the switch there, and leave to the secret what only the app needs to"
        " know. A preview of the manifest shows the same."
    ),
    _lt(
        "What an app may write to the disks of its nodes grows with its Pods: raise"
        " these on its page Limits and press Apply, or write a smaller"
        " `ephemeral-storage` under `resources.limits`."
    ),
    _lt("What the index has for `{name}` is no such picture."),
    _lt("What {name} gives is the cluster's."),
    _lt("Whether another document follows this one depends on a secret."),
    _lt("Whether this document is there depends on a secret."),
    _lt("Which address within the cluster a Service has is the cluster's to say."),
    _lt("Which fields this document has depends on a secret."),
    _lt("Which keys `{path}` has depends on a secret."),
    _lt("Which objects a list holds depends on a secret."),
    _lt("Which objects this list holds depends on a secret."),
    _lt("Which program makes load balancers is the cluster's to say."),
    _lt("With the defaults no Service takes `node_ports[{index}]`."),
    _lt("With the defaults no manifest has an object of the kind {kind}."),
    _lt("With the plan `{name}`: {problem}"),
    _lt(
        "With this claim the app's volumes have {sum} GiB, more than the {limit} GiB"
        " that it gets."
    ),
    _lt("Write `app_name`."),
    _lt("Write `automountServiceAccountToken: false`."),
    _lt("Write `host: {{{{ hostname }}}}`."),
    _lt("Write `maxUnavailable: 1`."),
    _lt("Write `namespace`."),
    _lt("Write `nodePort: {{{{ node_ports[0] }}}}`, without quotation marks."),
    _lt(
        "Write `nodePort: {{{{ node_ports[{index}] }}}}` in a Service of the type"
        " NodePort, or ask for fewer."
    ),
    _lt(
        "Write `restartPolicy: Never` or `restartPolicy: OnFailure` in the pod's"
        " template: a Job ends."
    ),
    _lt("Write `storageClassName` instead."),
    _lt("Write `to: [{{namespaceSelector: {{}}}}]`: the cluster's DNS runs in pods."),
    _lt(
        "Write `true` or `false` without quotes, for example by `{{{{ value | bool |"
        " to_json }}}}`."
    ),
    _lt("Write `type: Opaque`."),
    _lt("Write `{field}` with the characters that it names."),
    _lt("Write `{{{{ hostname }}}}`."),
    _lt("Write `{{{{ ingress_class }}}}`."),
    _lt(
        "Write `{{{{ {name} | to_json }}}}`, without quotation marks around it: any"
        " text is one text then."
    ),
    _lt("Write a larger number."),
    _lt("Write a list."),
    _lt("Write a list: a line that begins with `- ` for each item."),
    _lt("Write a mapping."),
    _lt("Write a mapping: a line `name: value` for each field, indented below."),
    _lt("Write a mapping: a line `name: value` for each, indented below."),
    _lt(
        "Write a name of the time zone database, such as `Europe/Berlin` or `Etc/UTC`."
    ),
    _lt("Write a number between -2147483648 and 2147483647."),
    _lt("Write a number between {range}."),
    _lt("Write a number of pods, or a percentage from 0% to 100% without a blank."),
    _lt("Write a number such as `1`, or a percentage such as `50%`."),
    _lt(
        "Write a number, directly followed by a unit where one is needed (Ki, Mi, Gi,"
        " Ti; k, M, G, T; m for thousandths){example}."
    ),
    _lt("Write a plain path, for example `/`."),
    _lt("Write a plain value."),
    _lt("Write a rule with `host: {{{{ hostname }}}}`."),
    _lt("Write a smaller number."),
    _lt("Write a smaller number. {command} says what it means."),
    _lt("Write a value that matches the pattern `{pattern}`."),
    _lt("Write a whole number, for example by `{{{{ value | int }}}}`."),
    _lt(
        "Write it as one text: `|` behind the name and the lines indented below, or"
        " `{{{{ value | to_json | to_json }}}}`."
    ),
    _lt("Write it like 1.1.1.0/24."),
    _lt("Write it like 10Gi."),
    _lt("Write metadata.name instead of generateName."),
    _lt("Write one of the values that it names. {command} says what they mean."),
    _lt("Write one of these: {values}."),
    _lt(
        'Write quotes around it, for example `"{{{{ value }}}}"`: without them, digits'
        " become a number and `yes` a boolean."
    ),
    _lt("Write such a value, or leave the annotation out."),
    _lt(
        "Write the file's name into the manifest as text, or press Unpin in the"
        " manifest's form in Odoo."
    ),
    _lt("Write the mode in octal with a zero in front, such as `0644`."),
    _lt("Write the number without quotes and without a unit."),
    _lt(
        "Write the same labels under `spec.selector.matchLabels` and"
        " `spec.template.metadata.labels`."
    ),
    _lt("Write the values out instead of repeating them by aliases."),
    _lt("Write the whole apiVersion, such as `apps/v1`."),
    _lt("Write {least} or more."),
    _lt(
        "Write {nulls} under `{below}` of the {kind}: that removes it from the cluster."
    ),
    _lt("YAML is indented with blanks, never with tabs."),
    _lt(
        "`chandlery check` says whether the worker's account may watch;"
        " config/rbac-watch.yaml lets it."
    ),
    _lt(
        "`chandlery check` shows the same where the worker runs: allow it there to"
        " filter system calls (seccomp) and to run the program."
    ),
    _lt("`{code}` stands there twice."),
    _lt("`{first}` needs `{second}`"),
    _lt("`{key}` cannot be a label."),
    _lt(
        "`{name}` cannot be an object's name: lower-case letters, digits, `-` and `.`"
        " only, a letter or digit at both ends."
    ),
    _lt("`{name}` has a value in vars.yml, too."),
    _lt("`{name}` has no value where nobody sets it."),
    _lt("`{name}` is a list or a mapping, which no form can ask customers for."),
    _lt("`{name}` is generated and not secret."),
    _lt("`{name}` is generated, so it is a line of text."),
    _lt("`{name}` is required, but has a value without anybody setting it."),
    _lt("`{name}` is secret and has a value that everybody can read here."),
    _lt("`{name}` is the first password, and not a secret line of text."),
    _lt("`{name}` is written by the API server only."),
    _lt("`{other}` is the first password, too."),
    _lt("`{path}` leads out of the package."),
    _lt("`{path}` stands there twice."),
    _lt("`{place}` is no package: {error}."),
    _lt("`{shown}` is no amount of storage."),
    _lt("`{shown}` is no network."),
    _lt("a length of {number} is not between 1 and 4096"),
    _lt("a list"),
    _lt("a mapping"),
    _lt("a number"),
    _lt("a template"),
    _lt("a text"),
    _lt("a whole number"),
    _lt("allowed kinds"),
    _lt("an address, the subject or a header has a line break"),
    _lt("an amount as Kubernetes writes it, such as 500m or 2Gi"),
    _lt("and {number} more"),
    _lt("annotate the namespace {name}"),
    _lt("annotations and labels of other programs"),
    _lt("answered with more than {size}, which the worker does not read"),
    _lt("answered with status {status}, but not as its API does"),
    _lt("apply a {kind}"),
    _lt("apply this object"),
    _lt("ask for its own name"),
    _lt("ask for its permissions"),
    _lt(
        "being deleted, but still there: {objects}. The program that the finalizer"
        " belongs to must run and let go"
    ),
    _lt("bind its rights in {namespace}"),
    _lt("bind itself to"),
    _lt("cannot be reached: {cause}"),
    _lt("cannot pull its image {image}: {reason}"),
    _lt("cannot start its container {container}: {reason}"),
    _lt("change {object}"),
    _lt("container {container} ended with exit code {code} ({reason})"),
    _lt(
        "container {container} ended with exit code {code} ({reason}) and was started"
        " again, {number} times so far"
    ),
    _lt("create namespaces"),
    _lt("create the namespace {namespace}"),
    _lt("delete the namespace {namespace}"),
    _lt("delete {reference}"),
    _lt("disruption budgets"),
    _lt("does not accept the API key"),
    _lt("does not allow it: {message}"),
    _lt("expected before this"),
    _lt("external-dns does not know this type"),
    _lt("failed ({status}) {message}"),
    _lt("find"),
    _lt("gave an answer that cannot be read (line {line}, column {column})"),
    _lt("gave an answer without {what}"),
    _lt("gave no answer: {cause}"),
    _lt("hostnames"),
    _lt("ingress class"),
    _lt("is paused: `kubectl rollout resume` lets it go on"),
    _lt("it cannot be read: {error}."),
    _lt("it has a `?` or a `#`"),
    _lt("it has failed and is no longer in the cluster: {event}"),
    _lt("it has neither text nor HTML"),
    _lt("it has no path"),
    _lt("it has no recipient"),
    _lt("it has not started yet"),
    _lt("it is being deleted"),
    _lt("it is no longer in the cluster"),
    _lt("it is not an uncompressed point of P-256"),
    _lt("it is not base64"),
    _lt("it is not bound to a volume yet"),
    _lt("it is not established yet"),
    _lt("it is not the app's"),
    _lt("it is paused (`spec.paused: true`), so its pods are not replaced"),
    _lt("it is running ({active} active)"),
    _lt("it is running ({active} active, {failed} failed so far)"),
    _lt("it is too much: a template may use {number} files of {size} KiB together."),
    _lt("it leads from https to http."),
    _lt("it was just made"),
    _lt("it would take the place of the app's own address"),
    _lt("its controller has not seen it yet"),
    _lt("its controller has not yet seen generation {generation}, only {observed}"),
    _lt("its load balancer has no address yet"),
    _lt("its pods are being updated"),
    _lt("its pods are not available yet"),
    _lt("its pods are not scheduled yet"),
    _lt("its rollout made no progress for {seconds} s"),
    _lt("its volume is lost"),
    _lt("keep generated values in {namespace}"),
    _lt("keep the mail login in {namespace}"),
    _lt(
        "keeps crashing: CrashLoopBackOff, container {container} restarted {number}"
        " times"
    ),
    _lt("kept though no manifest has it any more: {objects}"),
    _lt("kubectl takes the items out of this list, Ansible reads it as one object."),
    _lt("label the namespace {namespace}"),
    _lt("labels of Chandlery"),
    _lt("last exit code {code}"),
    _lt("line {lines}"),
    _lt("lines {lines}"),
    _lt("list jobs in {namespace}"),
    _lt("list namespaces"),
    _lt("list nodes"),
    _lt("list pods"),
    _lt("list pods in {namespace}"),
    _lt("list storage classes"),
    _lt("list the account's domains"),
    _lt("list the ingresses of {namespace}"),
    _lt("list the kinds it serves"),
    _lt("list volumes in {namespace}"),
    _lt("list {plural} in {namespace}"),
    _lt("look up the mail domain {name}"),
    _lt("made by {file}"),
    _lt("metadata"),
    _lt("must be a size up to {most}m, written as 512k or 1m"),
    _lt("must be a whole number from 0 to {most}"),
    _lt("must be networks such as 192.0.2.0/24, separated by commas, {number} at most"),
    _lt("must be of {known}"),
    _lt("must be on or off"),
    _lt("must be one of {known}"),
    _lt("must be the name of an issuer"),
    _lt("must be true or false"),
    _lt("needs `{name}`"),
    _lt("network policies"),
    _lt("no text"),
    _lt("not in the worker's settings"),
    _lt("not of this app's manifests and still running in its namespace: {objects}"),
    _lt("not restarted: {objects}"),
    _lt("not set"),
    _lt("not set; did you mean '{near}'?"),
    _lt("not there"),
    _lt("note on {name} in {namespace} that its workloads were restarted"),
    _lt("nothing changed"),
    _lt("nothing runs behind the ingress: {workloads} (Service {name}) is scaled to 0"),
    _lt("one line of text"),
    _lt("pod {name} cannot be scheduled: {reason}: {message}"),
    _lt("pod {name} has failed: {reason}"),
    _lt("pod {name} {problem}"),
    _lt("pod {name}: {event}"),
    _lt("pods"),
    _lt("publish DNS records in {namespace}"),
    _lt("put"),
    _lt("read"),
    _lt("read a ClusterRole"),
    _lt("read ingress classes"),
    _lt("read the ResourceQuota {name} in {namespace}"),
    _lt("read the Secret {name} in {namespace}"),
    _lt("read the namespace {namespace}"),
    _lt("read the secret {name} in {namespace}"),
    _lt("read the version"),
    _lt("read {object}"),
    _lt("read {reference}"),
    _lt("refused it ({status}): {message}"),
    _lt("register the mail domain {name}"),
    _lt("release the mail domain {name}"),
    _lt("remove"),
    _lt("rendered from this line"),
    _lt("replaces its pods only when they are deleted (updateStrategy OnDelete)"),
    _lt("send a mail to {recipients}"),
    _lt("set the SMTP password of {login}"),
    _lt("storage classes"),
    _lt("storage of the app"),
    _lt("take over the mail domain {name}"),
    _lt("take over the namespace {namespace}"),
    _lt("take over {object} in {namespace}"),
    _lt("takes no more requests for {seconds} s"),
    _lt("the admission webhook {name} answers with something else than a review"),
    _lt("the admission webhook {name} cannot be called: {why}"),
    _lt("the app {name} ({environment}), number {number}"),
    _lt(
        "the app's address there is the host name {alias}, beside which no other record"
        " may stand"
    ),
    _lt(
        "the cluster has no ingress class {names}, so that perhaps no controller looks"
        " at it: `kubectl get ingressclasses` lists those that there are"
    ),
    _lt("the cluster no longer serves this kind"),
    _lt("the pod has failed"),
    _lt("the pod has no phase yet"),
    _lt("the pod is pending"),
    _lt("the pod is running but not ready"),
    _lt("the tag begins with `{sign}`"),
    _lt("there is no alphabet '{other}'"),
    _lt("this `{name}` is open"),
    _lt("tokens of the cluster"),
    _lt("true or false"),
    _lt("uses `{file}`"),
    _lt("verify the mail domain {name}"),
    _lt("volume claims"),
    _lt("volumes among them"),
    _lt("volumes of pods"),
    _lt("waits for the finalizer {name}"),
    _lt("waits for the finalizers {names}"),
    _lt("{address}: There is no {file} at this address."),
    _lt("{choice} stands there twice."),
    _lt("{command} says what belongs there."),
    _lt("{done} of 1 object"),
    _lt("{done} of {all} objects"),
    _lt("{field} is not a text."),
    _lt("{field}: {message}"),
    _lt(
        "{file} makes up `{field}` anew each time, so that every deploy would change"
        " it."
    ),
    _lt("{first} and {more} more objects are not in the cluster any more."),
    _lt("{first} and {number} more"),
    _lt("{first} is not in the cluster any more."),
    _lt("{hosts} has the address {addresses}"),
    _lt("{hosts}: no address yet"),
    _lt("{message} (Rule: {name}.)"),
    _lt("{message}."),
    _lt("{names} (needed by {chain}, used in {lines})"),
    _lt("{names} ({lines})"),
    _lt("{name} at Mailgun is not this app's and is left alone"),
    _lt("{name} at Mailgun is this app's now; its DKIM record has a new name"),
    _lt("{name} created"),
    _lt("{name} did not come to an end within {seconds} s."),
    _lt("{name} ended without a word."),
    _lt("{name} has no record that leads to {hostname}."),
    _lt("{name} has the address {found}, which does not lead to {hostname}."),
    _lt("{name} is a CNAME to {alias}, and not to {hostname}."),
    _lt(
        "{name} is being deleted and {waits}: what is applied to it now would go with"
        " it."
    ),
    _lt("{name} is being deleted: what is applied to it now would go with it."),
    _lt("{name} is no name: {error}."),
    _lt("{name} is not at Mailgun any more"),
    _lt("{name} is not run, since it cannot be kept from the network: {reason}."),
    _lt("{name} is not taken over: {problem}"),
    _lt("{name} is registered at Mailgun ({region})"),
    _lt("{name} is released at Mailgun"),
    _lt("{name} is still at Mailgun: {problem}"),
    _lt("{name} is there"),
    _lt(
        "{name} leads here, but the TXT record {proof_name} with the text {proof} is"
        " missing."
    ),
    _lt("{name} makes more than {number} MiB of it."),
    _lt("{name} needs more memory for it than it may have."),
    _lt("{name} says: {message}"),
    _lt("{name} was registered at Mailgun ({region}) before"),
    _lt("{name} {version} is in the folder `{one}`, too."),
    _lt("{now} of {wanted} pods available"),
    _lt("{now} of {wanted} pods created"),
    _lt("{now} of {wanted} pods current"),
    _lt("{now} of {wanted} pods labelled"),
    _lt("{now} of {wanted} pods ready"),
    _lt("{now} of {wanted} pods scheduled"),
    _lt("{now} of {wanted} pods updated"),
    _lt("{number} changed"),
    _lt("{number} created"),
    _lt("{number} manifests, {size} KiB"),
    _lt("{number} more objects are not ready"),
    _lt("{number} objects"),
    _lt("{number} objects got its labels"),
    _lt("{number} of {all} records published; not published: {records}"),
    _lt("{number} old pods are still to go"),
    _lt("{number} packages"),
    _lt("{number} pods are still to go"),
    _lt("{number} problems"),
    _lt("{number} records published"),
    _lt("{number} removed"),
    _lt("{number} unchanged"),
    _lt("{number} values are undefined: {names}."),
    _lt("{number} volumes are kept in {namespace}"),
    _lt("{number} workloads started"),
    _lt("{number} workloads started again"),
    _lt("{number} workloads stopped"),
    _lt("{number} would be created"),
    _lt("{objects} and the namespace {namespace}"),
    _lt("{objects} deleted; nobody comes in any more"),
    _lt("{objects} removed"),
    _lt("{objects} restarted to use it"),
    _lt("{object} (not ready after {seconds} s)"),
    _lt("{object} ({waits})"),
    _lt("{object} changes all the time."),
    _lt("{object} exists in the cluster and does not belong to this app."),
    _lt("{object} {reason}"),
    _lt(
        "{pods} deleted, since nothing can stop a pod without a controller: Start"
        " cannot bring it back, Apply does"
    ),
    _lt("{reason}."),
    _lt("{reference} of an earlier reset does not go."),
    _lt("{title} uses 1 file"),
    _lt("{title} uses {number} files"),
    _lt("{title}: done"),
    _lt("{title}: done by an earlier attempt"),
    _lt("{url}: {message}"),
    _lt("{value} is none of the choices of `{name}`."),
    _lt("{value} is not {what}, which `{name}` has to be."),
    _lt("{verb} the {kind} {name} in {namespace}"),
    _lt(
        "{why}: the claim would take any volume of that class that is there already,"
        " which may be somebody else's."
    ),
    _lt("… and {number} more"),
    _lt("… and {number} more."),
)
