# ruff: noqa: C408  (written as configurations of mmengine are)
_base_ = ["../_base_/runtime.py"]

classes = ["car", "truck", "bus", "bicycle", "pedestrian"]
model = dict(type="Parrot", head=dict(type="Echo", cells=8, classes=len(classes)))
dataset = dict(
    type="Cage",
    data_root="data/t4dataset",
    ann_file="../../info/base/info_test.pkl",
    metainfo=dict(classes=classes),
    pipeline=[dict(type="LoadPointsOfCage")],
)
train_dataloader = dict(batch_size=2, num_workers=0, sampler=dict(type="DefaultSampler", shuffle=True), dataset=dataset)
test_dataloader = dict(batch_size=2, num_workers=0, sampler=dict(type="DefaultSampler", shuffle=False), dataset=dataset)
train_cfg = dict(by_epoch=True, max_epochs=150)
test_cfg = dict()
test_evaluator = dict(type="Distance")
optim_wrapper = dict(optimizer=dict(type="AdamW", lr=0.1))
param_scheduler = [dict(type="OneCycleLR", eta_max=0.1, total_steps=150, by_epoch=True, convert_to_iter_based=True)]
custom_hooks = [dict(type="EMAHook", momentum=0.5)]
