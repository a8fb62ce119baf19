def post_init_hook(env):
    """Make the wake-up channel once, so that claims only ever read it."""
    env["kubernetes.job"]._wake_channel()
