-- A copy of the database must not act in the clusters of the original.

-- no worker can speak to the copy: its keys, its technical user and its record go
DELETE FROM res_users_apikeys
      WHERE user_id IN (SELECT user_id FROM kubernetes_worker);

UPDATE res_users
   SET active = false
 WHERE id IN (SELECT user_id FROM kubernetes_worker);

UPDATE kubernetes_worker
   SET active = false, key_created_at = NULL;

-- nothing that waited or ran in the original goes on in the copy
UPDATE kubernetes_job
   SET state = 'cancelled', token = NULL, lease_until = NULL
 WHERE state IN ('pending', 'running');

-- should somebody give the copy a worker of its own: nothing in a cluster is the copy's
UPDATE kubernetes_app
   SET uid = replace(gen_random_uuid()::text, '-', '');

UPDATE kubernetes_namespace
   SET without_uid = false;

DELETE FROM kubernetes_namespace_found;

-- whoever knows the channel hears of the original's jobs; where the original is does
-- not concern the copy any more
DELETE FROM ir_config_parameter
      WHERE key IN ('kubernetes_hosting.wake_channel',
                    'kubernetes_hosting.database_identity');
