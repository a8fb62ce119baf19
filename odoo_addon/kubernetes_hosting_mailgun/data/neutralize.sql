-- A domain that bears the database's mark would be the copy's, too.
UPDATE kubernetes_app
   SET mail_mark = 'app';
