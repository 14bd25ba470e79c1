//! The ONNX operators a ranker may use.
//!
//! The linker keeps every operator that is registered, so this list is what keeps the browser download small; it is
//! at the same time the list of what a model from outside may contain. [`simplify`] first writes newer spellings in
//! terms of these few.

use std::collections::BTreeMap;

use tract_onnx::model::{OnnxOpRegister, ParsingContext};
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops;

type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// Operators whose axes came as an attribute first and as a second input since opset 13 or 18.
const WITH_AXES: [&str; 4] = ["Unsqueeze", "Squeeze", "ReduceSum", "ReduceMean"];

/// Registers the supported operators and nothing else.
pub(super) fn register() -> OnnxOpRegister {
    let mut register = OnnxOpRegister::default();
    register.insert("Add", |_, _| Ok((ops::math::Add.into_hir(), vec![])));
    register.insert("Sub", |_, _| Ok((ops::math::Sub.into_hir(), vec![])));
    register.insert("Mul", |_, _| Ok((ops::math::Mul.into_hir(), vec![])));
    register.insert("Div", |_, _| Ok((ops::math::Div.into_hir(), vec![])));
    register.insert("Neg", |_, _| Ok((ops::math::neg().into_hir(), vec![])));
    register.insert("Exp", |_, _| Ok((ops::math::exp().into_hir(), vec![])));
    register.insert("Sqrt", |_, _| Ok((ops::math::sqrt().into_hir(), vec![])));
    register.insert("Tanh", |_, _| Ok((ops::math::tanh().into_hir(), vec![])));
    register.insert("Sigmoid", |_, _| Ok((ops::nn::sigmoid().into_hir(), vec![])));
    register.insert("Relu", |_, _| Ok((expand(ops::activations::Clip::new(Some(0.0), None)), vec![])));
    register.insert("Identity", |_, _| Ok((Box::<ops::identity::Identity>::default(), vec![])));
    register.insert("Reshape", |_, _| Ok((expand(ops::array::Reshape::new(false)), vec![])));
    register.insert("Constant", constant);
    register.insert("MatMul", matmul);
    register.insert("Softmax", softmax);
    register.insert("Concat", concat);
    register.insert("Transpose", transpose);
    register.insert("Unsqueeze", |_, node| Ok((expand(ops::array::AddDims::new(axes(node)?)), vec![])));
    register.insert("Squeeze", |_, node| Ok((expand(ops::array::RmDims::new(axes(node)?)), vec![])));
    register.insert("ReduceSum", |_, node| reduce(node, ops::nn::Reducer::Sum));
    register.insert("ReduceMean", |_, node| reduce(node, ops::nn::Reducer::Mean));
    register
}

fn constant(context: &ParsingContext, node: &NodeProto) -> Built {
    let Some(value) = node.get_attr_opt("value")? else { bail!("Constant {} without a tensor", node.name) };
    let tensor = context.load_tensor(value)?;
    Ok((Box::new(ops::konst::Const::new(tensor.into_arc_tensor())?), vec![]))
}

fn matmul(_: &ParsingContext, node: &NodeProto) -> Built {
    let transposed = |name| -> TractResult<bool> { Ok(node.get_attr_opt::<i64>(name)?.unwrap_or(0) != 0) };
    let operator = ops::matmul::MatMulInference {
        a_trans: transposed("transA")?,
        b_trans: transposed("transB")?,
        c_trans: false,
    };
    Ok((expand(operator), vec![]))
}

fn softmax(_: &ParsingContext, node: &NodeProto) -> Built {
    Ok((expand(ops::nn::Softmax::new(node.get_attr_opt("axis")?.unwrap_or(-1))), vec![]))
}

fn concat(_: &ParsingContext, node: &NodeProto) -> Built {
    Ok((expand(ops::array::Concat::new(node.get_attr("axis")?)), vec![]))
}

fn transpose(_: &ParsingContext, node: &NodeProto) -> Built {
    let order: Option<Vec<usize>> = node.get_attr_opt_vec("perm")?;
    Ok((expand(ops::array::PermuteAxes::new(order.map(Into::into))), vec![]))
}

fn axes(node: &NodeProto) -> TractResult<Vec<isize>> {
    Ok(node.get_attr_vec::<i64>("axes")?.into_iter().map(|axis| axis as isize).collect())
}

fn reduce(node: &NodeProto, reducer: ops::nn::Reducer) -> Built {
    let axes: Option<Vec<i64>> = node.get_attr_opt_vec("axes")?;
    let keep = node.get_attr_opt::<i64>("keepdims")?.unwrap_or(1) != 0;
    Ok((expand(ops::nn::Reduce::new(axes, keep, reducer)), vec![]))
}

/// Writes `Gemm` as `MatMul` and `Add`, and axes given as a constant input as an attribute.
pub(super) fn simplify(graph: &mut GraphProto) -> TractResult<()> {
    let constants = integer_constants(graph)?;
    let mut nodes = Vec::with_capacity(graph.node.len());
    for mut node in std::mem::take(&mut graph.node) {
        if WITH_AXES.contains(&node.op_type.as_str()) && node.input.len() == 2 {
            let name = node.input.remove(1);
            let Some(axes) = constants.get(&name) else { bail!("{} needs constant axes", node.name) };
            node.attribute.push(AttributeProto {
                name: "axes".into(),
                ints: axes.clone(),
                r#type: 7,
                ..Default::default()
            });
        }
        match node.op_type == "Gemm" {
            true => nodes.extend(split_gemm(node)?),
            false => nodes.push(node),
        }
    }
    graph.node = nodes;
    Ok(())
}

fn split_gemm(mut node: NodeProto) -> TractResult<Vec<NodeProto>> {
    for name in ["alpha", "beta"] {
        if node.get_attr_opt::<f32>(name)?.unwrap_or(1.0) != 1.0 {
            bail!("Gemm {} has {name} other than 1", node.name);
        }
    }
    node.op_type = "MatMul".into();
    if node.input.len() < 3 {
        return Ok(vec![node]);
    }
    let bias = node.input.remove(2);
    let product = format!("{}.product", node.output.first().map_or("", String::as_str));
    let add = NodeProto {
        op_type: "Add".into(),
        name: format!("{}.bias", node.name),
        input: vec![product.clone(), bias],
        output: std::mem::replace(&mut node.output, vec![product]),
        ..Default::default()
    };
    Ok(vec![node, add])
}

/// Small integer tensors by name: initialisers and `Constant` nodes.
fn integer_constants(graph: &GraphProto) -> TractResult<BTreeMap<String, Vec<i64>>> {
    let mut constants = BTreeMap::new();
    for tensor in &graph.initializer {
        constants.extend(integers(tensor).map(|values| (tensor.name.clone(), values)));
    }
    for node in graph.node.iter().filter(|node| node.op_type == "Constant") {
        let tensor: Option<&TensorProto> = node.get_attr_opt("value")?;
        if let (Some(values), Some(output)) = (tensor.and_then(integers), node.output.first()) {
            constants.insert(output.clone(), values);
        }
    }
    Ok(constants)
}

fn integers(tensor: &TensorProto) -> Option<Vec<i64>> {
    const INT64: i32 = 7;
    const FEW: usize = 8;
    if tensor.data_type != INT64 || tensor.raw_data.len() > FEW * 8 || tensor.int64_data.len() > FEW {
        return None;
    }
    let words =
        tensor.raw_data.chunks_exact(8).filter_map(|bytes| bytes.try_into().ok()).map(i64::from_le_bytes);
    Some(if tensor.int64_data.is_empty() { words.collect() } else { tensor.int64_data.clone() })
}
