#!/usr/bin/python3
"""The reference workload of trainer_bench.py in PyTorch: what a for-loop over trials would train.

The same model (projections with LayerNorm, GELU and dropout; scorer gate; learned top-n; weighted sum; fusion; two
heads), the same losses, AdamW and cosine schedule, and a validation pass an epoch, written as one would in Python:
features on the device as one tensor an encoder, z-scored beforehand, batches by indexing.
After each epoch the official search of thresholds runs on the validation clips, timed by itself. Prints epochs a second
with and without it as JSON.
"""
import argparse
import json
import math
import time

import torch
from torch import nn
import torch.nn.functional as F

from threshold_search import make_fold, search_official


class Model(nn.Module):
    def __init__(self, encoders, dim, width=256, gate=64, embedding=16, fused=512, classes=6, top_n=4, dropout=0.3):
        super().__init__()
        self.projections = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, width), nn.LayerNorm(width), nn.GELU(), nn.Dropout(dropout))
            for _ in range(encoders))
        self.embedding = nn.Parameter(torch.randn(encoders, embedding))
        self.gate_hidden = nn.Linear(width + embedding, gate, bias=False)
        self.gate_out = nn.Linear(gate, 1, bias=False)
        self.fusion = nn.Sequential(nn.Linear(width, fused), nn.GELU(), nn.Dropout(dropout))
        self.presence = nn.Linear(fused, classes)
        self.salience = nn.Linear(fused, classes)
        self.top_n = top_n

    def forward(self, inputs):
        h = torch.stack([p(x) for p, x in zip(self.projections, inputs)], 1)
        embedding = self.embedding.unsqueeze(0).expand(h.shape[0], -1, -1)
        scores = self.gate_out(torch.tanh(self.gate_hidden(torch.cat([h, embedding], 2)))).squeeze(2)
        kept = torch.zeros_like(scores, dtype=torch.bool).scatter(1, scores.topk(self.top_n, 1).indices, True)
        weights = torch.softmax(scores.masked_fill(~kept, -math.inf), 1)
        fused = self.fusion((weights.unsqueeze(2) * h).sum(1))
        return self.presence(fused), self.salience(fused)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--encoders", type=int, default=12)
    parser.add_argument("--dim", type=int, default=1024)
    parser.add_argument("--clips", type=int, default=2456)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    held_out = (args.clips + 4) // 5
    rows = args.clips - held_out
    features = [torch.randn(args.clips, args.dim) for _ in range(args.encoders)]
    salience = torch.zeros(args.clips, 6).scatter(1, torch.randint(6, (args.clips, 1)), 1.0)
    presence = (salience > 0).float()
    model = Model(args.encoders, args.dim, top_n=min(4, args.encoders))
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 1e-2}, {"params": others, "weight_decay": 0}],
                                  lr=1e-3)
    steps = args.epochs * math.ceil(rows / args.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    def epoch():
        model.train()
        for batch in torch.randperm(rows).split(args.batch):
            p, s = model([x[batch] for x in features])
            loss = F.binary_cross_entropy_with_logits(p, presence[batch]) + F.kl_div(
                torch.log_softmax(s, 1), salience[batch], reduction="batchmean")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        model.eval()
        with torch.no_grad():
            for batch in torch.arange(rows, args.clips).split(256):
                model([x[batch] for x in features])

    _, labels = make_fold(held_out)
    truth = {clip: {first: float(share)} if second < 0 else {first: float(share), second: 100.0 - share}
             for clip, (first, second, share) in enumerate(labels)}

    def search():
        model.eval()
        with torch.no_grad():
            p, s = model([x[rows:] for x in features])
            fused = torch.softmax(s, 1) * torch.sigmoid(p)
            search_official((fused / fused.sum(1, keepdim=True)).double().numpy(), truth)

    epoch()  # warm
    cpu = time.process_time()
    for _ in range(args.epochs):
        epoch()
    trained = time.process_time() - cpu
    search()
    search_time = time.process_time() - cpu - trained
    print(json.dumps({"epochs_per_cpu_second": args.epochs / trained,
                      "with_search": args.epochs / (trained + args.epochs * search_time)}))


if __name__ == "__main__":
    main()
