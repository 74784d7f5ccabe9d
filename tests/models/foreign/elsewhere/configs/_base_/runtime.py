# ruff: noqa: C408  (written as configurations of mmengine are)
default_scope = "parrot"
custom_imports = dict(imports=["parrot.cage", "parrot.model"], allow_failed_imports=False)
default_hooks = dict(checkpoint=dict(type="CheckpointHook", interval=3))
env_cfg = dict(mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0))
log_processor = dict(by_epoch=True)
